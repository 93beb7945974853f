/* The program under its second name, for packages that cannot hold a link: it runs the program
 * beside itself, which takes its name from argv[0]. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define PROGRAM "docker-credential-ecr-login"

int main(int argc, char **argv)
{
    char path[PATH_MAX + sizeof PROGRAM];

    (void)argc;
    if (realpath((const char *)getauxval(AT_EXECFN), path) != NULL) { /* this file, without links */
        strcpy(strrchr(path, '/') + 1, PROGRAM);
        execv(path, argv);
    }
    printf("cannot start %s beside this program: %s\n", PROGRAM, strerror(errno)); /* as an answer */
    return 1;
}
