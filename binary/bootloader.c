/* Changes to PyInstaller's bootloader on Linux: functions that the linker's --wrap option
 * substitutes for the bootloader's own when it is built (tools/make-binary-venv.sh).
 *
 * execvp       The folder need not start itself twice. A stock bootloader sets LD_LIBRARY_PATH and
 *              executes itself again for the dynamic linker to see it. Here each library has the
 *              directory of the others in its own RPATH (build_binary.spec).
 * pyi_utils_set_library_search_path
 *              For the same reason LD_LIBRARY_PATH keeps the user's value, also for children.
 * fork         The child is killed when its parent dies: nobody reads its answer then, and the
 *              parent's streams would stay open.
 * waitpid      While the child runs, signals reach the one file, which forwards them. Before and
 *              after that they are blocked, so that the unpacked files are removed.
 * pyi_*message An error before Python runs, such as a full TMPDIR, is one line on both streams
 *              like every other error of the program: clients differ in which stream they show.
 * main         The exit code is 1, as for any failure: some clients accept no other. A partly
 *              unpacked directory is removed: a stock bootloader leaves it, so that each attempt
 *              would fill a full disk further. And Ctrl-C ends the program: Python replaces only
 *              the default handler by its own, which would interrupt the start-up code with an
 *              unrelated error. binary/after_bootstrap.py sets Python's.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define LINE 8192
#define NO_PROCESS "Failed to start a process"

/* Values of _PYI_PARENT_PROCESS_LEVEL: enum PYI_PROCESS_LEVEL in the bootloader's pyi_main.h. */
#define NEEDS_RESTART "-1" /* the folder, before it would execute itself again */
#define UNPACKS "0"        /* the one file, before its child runs the unpacked program */

#define BOOTLOADER_FAILED 255 /* its child returned -1; the program itself has no such exit code */

int __real_execvp(const char *file, char *const argv[]);
pid_t __real_fork(void);
pid_t __real_waitpid(pid_t child, int *status, int options);
int __real_main(int argc, char **argv);
/* The bootloader's own. Weak: the build's compiler probes are linked with this file too. */
int pyi_recursive_rmdir(const char *path) __attribute__((weak));

static int failed;
static sigset_t users_mask; /* the signals that were blocked at the start of the program */

static int level_is(const char *level)
{
    const char *value = getenv("_PYI_PARENT_PROCESS_LEVEL");

    return value != NULL && strcmp(value, level) == 0;
}

static int starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Return whether a bootloader's message is about unpacking the one file, or about the result. */
static int about_unpacking(const char *what)
{
    const char *unpacked = getenv("_PYI_APPLICATION_HOME_DIR"); /* the folder has none */

    return starts(what, "Could not create temporary directory")
        || starts(what, "Failed to create parent directory")
        || starts(what, "Failed to extract")
        || (unpacked != NULL && starts(what, "Failed to load Python shared library")
            && strstr(what, unpacked) != NULL);
}

/* Print the first error of this process, which causes those that follow. */
static void report(const char *reason, const char *format, va_list arguments)
{
    char what[LINE];
    size_t length;

    if (failed)
        return;
    failed = 1;
    vsnprintf(what, sizeof what, format, arguments);
    length = strcspn(what, "\n");
    if (length > 0 && what[length - 1] == '!')
        length--;
    what[length] = '\0';
    fprintf(stderr, "%s: ", program_invocation_short_name);
    for (int stream = 0; stream < 2; stream++) {
        FILE *out = stream ? stdout : stderr;

        fprintf(out, "cannot start: %s%s%s; ", what, reason[0] ? ": " : "", reason);
        if (about_unpacking(what))
            fputs("this one-file program unpacks itself at each start: point TMPDIR to a"
                  " directory with 20 MB free that may hold programs, or install the one-folder"
                  " build of docker-credential-ecrpy, which unpacks nothing\n", out);
        else if (starts(what, NO_PROCESS))
            fputs("this machine or user has too many processes, or too little memory\n", out);
        else
            fputs("its files are damaged or not all there: install docker-credential-ecrpy"
                  " again\n", out);
        fflush(out);
    }
}

void __wrap_pyi_error_message(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    report("", format, arguments);
    va_end(arguments);
}

void __wrap_pyi_perror_message(const char *function, int error, const char *format, ...)
{
    va_list arguments;

    (void)function;
    va_start(arguments, format);
    report(strerror(error), format, arguments);
    va_end(arguments);
}

int __wrap_pyi_utils_set_library_search_path(const char *path)
{
    (void)path;
    return 0;
}

int __wrap_execvp(const char *file, char *const argv[])
{
    sigprocmask(SIG_SETMASK, &users_mask, NULL);
    /* The folder continues after the call when the call returns. */
    if (level_is(NEEDS_RESTART))
        return 0;
    return __real_execvp(file, argv);
}

pid_t __wrap_fork(void)
{
    pid_t parent = getpid();
    pid_t child = __real_fork();

    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1); /* the parent was killed before prctl */
    } else if (child < 0) {
        __wrap_pyi_perror_message("fork", errno, NO_PROCESS);
    }
    return child;
}

pid_t __wrap_waitpid(pid_t child, int *status, int options)
{
    sigset_t mask;
    pid_t result;
    int error;

    sigprocmask(SIG_SETMASK, &users_mask, &mask);
    result = __real_waitpid(child, status, options);
    error = errno;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    errno = error;
    return result;
}

/* Remove the directory that this process unpacked: ours, with a name that the bootloader gives,
 * and not the one that the inherited environment names. */
static void remove_unpacked(const char *inherited)
{
    const char *path = getenv("_PYI_APPLICATION_HOME_DIR");
    const char *name = path != NULL ? strrchr(path, '/') : NULL;
    struct stat seen;

    if (name == NULL || !starts(name, "/_MEI") || strcmp(path, inherited) == 0)
        return;
    if (lstat(path, &seen) < 0 || !S_ISDIR(seen.st_mode) || seen.st_uid != geteuid())
        return;
    if (pyi_recursive_rmdir != NULL)
        pyi_recursive_rmdir(path);
}

/* End by the signal, like a program without a handler. */
static void end_by(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

int __wrap_main(int argc, char **argv)
{
    const char *inherited = getenv("_PYI_APPLICATION_HOME_DIR");
    char *before = strdup(inherited != NULL ? inherited : "");
    struct sigaction interrupt;
    sigset_t mask;
    int code;

    sigemptyset(&mask);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_BLOCK, NULL, &users_mask);
    if (!level_is(UNPACKS)) /* set only in a child, by its parent */
        sigprocmask(SIG_BLOCK, &mask, NULL);
    if (sigaction(SIGINT, NULL, &interrupt) == 0 && interrupt.sa_handler == SIG_DFL)
        signal(SIGINT, end_by);
    code = __real_main(argc, argv);
    if (failed && before != NULL && level_is(UNPACKS))
        remove_unpacked(before);
    free(before);
    sigprocmask(SIG_SETMASK, &users_mask, NULL);
    return failed || code == BOOTLOADER_FAILED ? 1 : code;
}
