/* What the Linux binary adds to PyInstaller's bootloader: three functions, put around the
 * bootloader's own by the linker's --wrap option when the bootloader is built (see the Makefile).
 *
 * execvp       The folder build need not start itself twice. A stock bootloader sets
 *              LD_LIBRARY_PATH and executes itself anew for the dynamic linker to see it, which
 *              takes 0.9 ms of a 10 ms `get`. Here each library has the place of its neighbours
 *              in its own RPATH (build_binary.spec), so there is nothing to start anew for.
 * pyi_*message An error before Python runs, such as a full TMPDIR, is one line on both streams
 *              like every other error of the program: clients differ in which stream they show.
 * main         Its exit code is 1, as of any failure: some clients take no other. And what the one
 *              file could not unpack whole is removed: a stock bootloader leaves it, so that each
 *              try would fill a full disk further.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE 8192

int __real_execvp(const char *file, char *const argv[]);
int __real_main(int argc, char **argv);
/* The bootloader's own. Weak, since the build's probes of the compiler are linked with this too. */
int pyi_recursive_rmdir(const char *path) __attribute__((weak));

static int failed;

/* Whether the directory of the folder build's contents lies beside the program. */
static int is_folder(void)
{
    char path[PATH_MAX + sizeof "/_internal"];
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
    char *slash;

    if (length <= 0)
        return 0;
    path[length] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL)
        return 0;
    strcpy(slash, "/_internal");
    return access(path, F_OK) == 0;
}

/* Say the first error of this process, which is the cause of those that follow. */
static void tell(const char *reason, const char *format, va_list arguments)
{
    char what[LINE];

    if (failed)
        return;
    failed = 1;
    vsnprintf(what, sizeof what, format, arguments);
    what[strcspn(what, "!\n")] = '\0';
    fprintf(stderr, "%s: ", program_invocation_short_name);
    for (int stream = 0; stream < 2; stream++) {
        FILE *out = stream ? stdout : stderr;

        fprintf(out, "cannot start: %s%s%s; ", what, reason[0] ? ": " : "", reason);
        if (is_folder())
            fputs("install the whole folder of docker-credential-ecrpy again\n", out);
        else
            fputs("this one-file program unpacks itself at each start: point TMPDIR to a"
                  " directory with 30 MB free that may hold programs, or install the one-folder"
                  " build of docker-credential-ecrpy, which unpacks nothing\n", out);
        fflush(out);
    }
}

void __wrap_pyi_error_message(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    tell("", format, arguments);
    va_end(arguments);
}

void __wrap_pyi_perror_message(const char *function, int error, const char *format, ...)
{
    va_list arguments;

    (void)function;
    va_start(arguments, format);
    tell(strerror(error), format, arguments);
    va_end(arguments);
}

int __wrap_execvp(const char *file, char *const argv[])
{
    /* -1 is PYI_PROCESS_LEVEL_PARENT_NEEDS_RESTART: the one place that executes itself without
     * having forked. It goes on below the call when the call returns. */
    const char *level = getenv("_PYI_PARENT_PROCESS_LEVEL");

    if (level != NULL && strcmp(level, "-1") == 0)
        return 0;
    return __real_execvp(file, argv);
}

int __wrap_main(int argc, char **argv)
{
    int code = __real_main(argc, argv);
    const char *level = getenv("_PYI_PARENT_PROCESS_LEVEL");
    const char *unpacked = getenv("_PYI_APPLICATION_HOME_DIR");

    if (!failed)
        return code;
    /* 0 is PYI_PROCESS_LEVEL_PARENT, who unpacks; it removes what its child could not use itself. */
    if (level != NULL && strcmp(level, "0") == 0 && unpacked != NULL
        && strstr(unpacked, "/_MEI") != NULL && pyi_recursive_rmdir != NULL)
        pyi_recursive_rmdir(unpacked);
    return 1;
}
