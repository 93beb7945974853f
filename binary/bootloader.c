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
 * mkdtemp      The one file executes what it unpacks, so it refuses a TMPDIR in which another user
 *              could replace it.
 * pyi_recursive_rmdir
 *              The unpacked files are removed with one descriptor, also if the limit is low.
 *              Neither this nor unpacking waits for a TMPDIR that stopped answering, such as a
 *              network drive.
 * pyi_*message An error before Python runs, such as a full TMPDIR, is one line on both streams
 *              like every other error of the program: clients differ in which stream they show.
 *              The program ends there: a stock bootloader goes on, and crashes without memory.
 * main         The exit code is 1, as for any failure: some clients accept no other. A partly
 *              unpacked directory is removed: a stock bootloader leaves it, so that each attempt
 *              would fill a full disk further. And Ctrl-C ends the program: Python replaces only
 *              the default handler by its own, which would interrupt the start-up code with an
 *              unrelated error. binary/after_bootstrap.py sets Python's. The exit code of the
 *              child is seen if the client left SIGCHLD ignored, and a file that may not grow is
 *              an error instead of a signal.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE 8192
#define MEGABYTE (1 << 20)
#define MAX_LINKS 40 /* the kernel's own limit */
#define NO_PROCESS "Failed to start a process"
#define NOT_SAFE "TMPDIR is not safe"
#define MISSING ""
#define HANGS "cannot start: TMPDIR does not answer; point it to a directory of a local disk, or" \
    " install the one-folder build of docker-credential-ecrpy, which unpacks nothing\n"
#define DEFAULT_TIMEOUT 25 /* seconds that unpacking may take; AWS_ECR_TIMEOUT sets others */
#define MAX_TIMEOUT 3600
#define REMOVE_TIMEOUT 5

/* Values of _PYI_PARENT_PROCESS_LEVEL: enum PYI_PROCESS_LEVEL in the bootloader's pyi_main.h. */
#define NEEDS_RESTART "-1" /* the folder, before it would execute itself again */
#define UNPACKS "0"        /* the one file, before its child runs the unpacked program */

#define BOOTLOADER_FAILED 255 /* its child returned -1; the program itself has no such exit code */

int __real_execvp(const char *file, char *const argv[]);
pid_t __real_fork(void);
pid_t __real_waitpid(pid_t child, int *status, int options);
int __real_main(int argc, char **argv);
char *__real_mkdtemp(char *path);

/* What a first `get` needs at least, of the resources that a process may have a limit of. */
static const struct {
    int resource;
    rlim_t least;
    const char *what;
} LIMITS[] = {
    {RLIMIT_NOFILE, 8, "open too few files: raise its limit (ulimit -n)"},
    {RLIMIT_FSIZE, 8 * MEGABYTE, "write no large file: raise its limit (ulimit -f)"},
    {RLIMIT_AS, 96 * MEGABYTE, "use too little memory: raise its limit (ulimit -v)"},
    {RLIMIT_DATA, 64 * MEGABYTE, "use too little memory: raise its limit (ulimit -d)"},
};

static int failed;
static char unpacked[PATH_MAX]; /* the directory that this process has to remove, or "" */
static sigset_t users_mask; /* the signals that were blocked at the start of the program */
static int has_answered;    /* whether the child has ended */
static int childs_code = 1;

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
    const char *home = getenv("_PYI_APPLICATION_HOME_DIR"); /* the folder has none */

    return starts(what, NOT_SAFE)
        || starts(what, "Could not create temporary directory")
        || starts(what, "Failed to create parent directory")
        || (starts(what, "Failed to extract") && unpacked[0])
        || (home != NULL && starts(what, "Failed to load Python shared library")
            && strstr(what, home) != NULL);
}

/* Return whether the Python library was not loaded because of another library. */
static int about_another_library(const char *what)
{
    const char *path = strchr(what, '\'');
    const char *end = strstr(what, "': ");

    return starts(what, "Failed to load Python shared library") && path != NULL && end != NULL
        && strncmp(path + 1, end + strlen("': "), end - path - 1) != 0;
}

/* Write what the user can do about an error. */
static void write_cure(FILE *out, const char *what)
{
    struct rlimit limit;

    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++)
        if (!starts(what, NOT_SAFE) && !starts(what, NO_PROCESS)
            && (LIMITS[i].resource != RLIMIT_FSIZE || unpacked[0])
            && getrlimit(LIMITS[i].resource, &limit) == 0 && limit.rlim_cur < LIMITS[i].least) {
            fprintf(out, "this process may %s\n", LIMITS[i].what);
            return;
        }
    if (starts(what, NO_PROCESS))
        fputs("this machine or user has too many processes, or too little memory\n", out);
    else if (about_another_library(what) && getenv("LD_LIBRARY_PATH") != NULL)
        fputs("LD_LIBRARY_PATH names libraries of another program: unset it where docker runs\n",
              out);
    else if (about_unpacking(what))
        fputs("this one-file program unpacks itself at each start: point TMPDIR to a directory of"
              " your own with 20 MB free that may hold programs, or install the one-folder build"
              " of docker-credential-ecrpy, which unpacks nothing\n", out);
    else
        fputs("its files are damaged or not all there: install docker-credential-ecrpy again\n",
              out);
}

/* Print a text as ASCII that moves no cursor: a path may hold any byte. */
static void print(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, *text >= ' ' && *text <= '~' ? "%c" : "\\x%02x", (unsigned char)*text);
}

/* Write a bootloader's message into `what`, of LINE bytes, without its end of line. */
static void format_line(char *what, const char *format, va_list arguments)
{
    size_t length;

    vsnprintf(what, LINE, format, arguments);
    length = strlen(what);
    while (length > 0 && strchr("!\n", what[length - 1]) != NULL)
        length--;
    what[length] = '\0';
}

/* Print the first error of this process, which causes those that follow, and end it. */
static void report(const char *reason, const char *format, va_list arguments)
{
    char what[LINE];

    if (failed)
        return;
    failed = 1;
    format_line(what, format, arguments);
    print(stderr, program_invocation_short_name);
    fputs(": ", stderr);
    for (int stream = 0; stream < 2; stream++) {
        FILE *out = stream ? stdout : stderr;

        fputs("cannot start: ", out);
        print(out, what);
        fprintf(out, "%s%s; ", reason[0] ? ": " : "", reason);
        write_cure(out, what);
        fflush(out);
    }
    if (!unpacked[0])
        _exit(1);
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

void __wrap_pyi_warning_message(const char *format, ...)
{
    char what[LINE];
    va_list arguments;

    if (failed)
        return; /* it is about what the error that was reported has caused */
    va_start(arguments, format);
    format_line(what, format, arguments);
    va_end(arguments);
    print(stderr, what);
    fputc('\n', stderr);
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

/* Handle SIGALRM: only write(2) is safe here. */
static void give_up(int number)
{
    (void)number;
    if (has_answered)
        _exit(childs_code);
    for (const char *c = program_invocation_short_name; *c; c++)
        if (write(STDERR_FILENO, *c >= ' ' && *c <= '~' ? c : "?", 1) < 0)
            break;
    if (write(STDERR_FILENO, ": " HANGS, sizeof ": " HANGS - 1) < 0
        || write(STDOUT_FILENO, HANGS, sizeof HANGS - 1) < 0)
        _exit(1);
    _exit(1);
}

/* End this process after `seconds`, or never with 0. Where only a fatal signal ends a file access,
 * as on an NFS drive, a second timer kills the process. */
static void limit_time(unsigned seconds)
{
    static timer_t killer;
    static int has_killer;
    struct sigevent by_kill = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    struct itimerspec later = {.it_value.tv_sec = seconds ? seconds + 1 : 0};
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGALRM);
    signal(SIGALRM, give_up);
    sigprocmask(SIG_UNBLOCK, &mask, NULL); /* a client may leave it blocked */
    alarm(seconds);
    if (has_killer || timer_create(CLOCK_MONOTONIC, &by_kill, &killer) == 0) {
        has_killer = 1;
        timer_settime(killer, 0, &later, NULL);
    }
}

/* Return the seconds in AWS_ECR_TIMEOUT, and up to one more; the default if they are invalid. */
static unsigned unpack_timeout(void)
{
    const char *text = getenv("AWS_ECR_TIMEOUT");
    char *end = "";
    double seconds = text == NULL ? 0 : strtod(text, &end);

    return seconds > 0 && seconds <= MAX_TIMEOUT && !end[strspn(end, " ")] ? (unsigned)seconds + 1
                                                                           : DEFAULT_TIMEOUT;
}

pid_t __wrap_fork(void)
{
    pid_t parent = getpid();
    pid_t child;

    limit_time(0);
    child = __real_fork();

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
    has_answered = result > 0;
    if (has_answered && WIFEXITED(*status))
        childs_code = WEXITSTATUS(*status);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    errno = error;
    return result;
}

/* Return why another user could replace what is unpacked into `directory`, MISSING, or NULL if
 * none could. `at` gets the directory or symlink that is not safe: its owner, and whoever may write
 * to it, decides where the path leads. The owner of / is trusted: in a user namespace, it stands
 * for root. */
static const char *unsafe(const char *directory, char at[PATH_MAX])
{
    char rest[PATH_MAX], target[PATH_MAX], joined[PATH_MAX];
    struct stat root, seen;
    int links = 0;

    if (lstat("/", &root) < 0 || (directory[0] != '/' && getcwd(target, sizeof target) == NULL))
        return "cannot be looked at";
    if (directory[0] == '/')
        target[0] = '\0';
    if (snprintf(rest, sizeof rest, "%s/%s", target, directory) >= PATH_MAX)
        return "is too long";
    at[0] = '\0';
    for (;;) {
        char *part = rest + strspn(rest, "/");
        size_t length = strcspn(part, "/");
        size_t before = strlen(at);

        if (lstat(at[0] ? at : "/", &seen) < 0)
            return MISSING;
        if (seen.st_uid != 0 && seen.st_uid != geteuid() && seen.st_uid != root.st_uid)
            return "belongs to another user";
        if (S_ISLNK(seen.st_mode)) {
            ssize_t size = readlink(at, target, sizeof target - 1);

            if (size <= 0 || ++links > MAX_LINKS)
                return "is a symlink that leads nowhere";
            target[size] = '\0';
            at[target[0] == '/' ? 0 : strrchr(at, '/') - at] = '\0';
            if (snprintf(joined, sizeof joined, "%s/%s", target, rest) >= PATH_MAX)
                return "is too long";
            strcpy(rest, joined);
            continue;
        }
        if (!S_ISDIR(seen.st_mode))
            return MISSING;
        if ((seen.st_mode & (S_IWGRP | S_IWOTH)) && !(seen.st_mode & S_ISVTX))
            return "can be changed by other users";
        if (length == 0)
            return NULL;
        if (length == 2 && strncmp(part, "..", 2) == 0)
            at[before > 0 ? strrchr(at, '/') - at : 0] = '\0';
        else if ((length != 1 || part[0] != '.')
                 && snprintf(at + before, PATH_MAX - before, "/%.*s", (int)length, part)
                    >= (int)(PATH_MAX - before))
            return "is too long";
        memmove(rest, part + length, strlen(part + length) + 1);
    }
}

/* Create the directory to unpack into. `path` ends with its name, which the bootloader made. */
char *__wrap_mkdtemp(char *path)
{
    char *name = strrchr(path, '/');
    char at[PATH_MAX];
    const char *why;

    if (name == NULL)
        return NULL;
    limit_time(unpack_timeout());
    *name = '\0';
    why = unsafe(name == path ? "/" : path, at);
    *name = '/';
    if (why != NULL && why[0])
        __wrap_pyi_error_message(NOT_SAFE ": %s %s", at[0] ? at : "/", why);
    if (why != NULL || __real_mkdtemp(path) == NULL)
        return NULL; /* the bootloader tries the next directory: others may create a missing one */
    snprintf(unpacked, sizeof unpacked, "%s", path);
    return path;
}

static int remove_one(const char *path, const struct stat *seen, int kind, struct FTW *place)
{
    (void)seen, (void)kind, (void)place;
    remove(path);
    return 0; /* go on with the others */
}

int __wrap_pyi_recursive_rmdir(const char *path)
{
    limit_time(REMOVE_TIMEOUT);
    return nftw(path, remove_one, 1, FTW_DEPTH | FTW_PHYS);
}

/* End by the signal, like a program without a handler. */
static void end_by(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

int __wrap_main(int argc, char **argv)
{
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
    signal(SIGCHLD, SIG_DFL);
    signal(SIGXFSZ, SIG_IGN);
    if (sigaction(SIGINT, NULL, &interrupt) == 0 && interrupt.sa_handler == SIG_DFL)
        signal(SIGINT, end_by);
    code = __real_main(argc, argv);
    if (failed && unpacked[0])
        __wrap_pyi_recursive_rmdir(unpacked);
    sigprocmask(SIG_SETMASK, &users_mask, NULL);
    return failed || code == BOOTLOADER_FAILED ? 1 : code;
}
