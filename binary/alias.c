/* The program under its second name, for packages that cannot hold a link: it runs the program
 * beside itself, which takes its name from argv[0]. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "docker-credential-ecr-login"

int main(int argc, char **argv)
{
    char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - sizeof PROGRAM);

    (void)argc;
    if (size > 0) {
        path[size] = '\0';
        strcpy(strrchr(path, '/') + 1, PROGRAM);
        execv(path, argv);
    }
    printf("cannot start %s: %s\n", size > 0 ? path : PROGRAM, strerror(errno));
    return 1;
}
