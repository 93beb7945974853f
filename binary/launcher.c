/* The static program's own code: CPython, configured without files, and the pack of its modules.
 *
 * Nothing on the host but its kernel is needed. The pack is a part of the file that the kernel maps
 * into memory, so that no path to the file is needed either, as without /proc. binary/static.py
 * makes the pack and the tables in pack.h; binary/pack.py finds modules in it. */

#include <Python.h>

#include <malloc.h>
#include <netdb.h>
#include <nss.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

extern const unsigned char pack[], pack_end[];
extern const char __executable_start[], end[]; /* of this program in memory */

#include "pack.h" /* FROZEN, EXTENSIONS, and where the tables are */

#define PREFIX "docker-credential-ecrpy: " /* on standard error */
#define NO_MEMORY "there is not enough memory; give this process more\n"

#define DECLARE(name) PyMODINIT_FUNC PyInit_##name(void);
EXTENSIONS(DECLARE)

static int is_action; /* whether Docker runs this: its clients differ in which stream they show */

/* Report an error, and end the process. */
static void end_with(const char *line)
{
    if (is_action)
        (void)!write(STDOUT_FILENO, line, strlen(line));
    (void)!write(STDERR_FILENO, PREFIX, sizeof PREFIX - 1);
    (void)!write(STDERR_FILENO, line, strlen(line));
    _exit(1);
}

static PyObjectArenaAllocator arenas; /* CPython's own */
static char *reserve;                 /* memory for when the system gives no more */
static size_t reserve_left = 5 << 18; /* bytes: an arena and some stacks */

/* Return memory for small objects. The reserve is for the report of an error: without memory for
 * it, CPython 3.11 may enter the same exception handler again and again. */
static void *allocate_arena(void *context, size_t size)
{
    void *memory = arenas.alloc(context, size);

    if (memory != NULL)
        return memory;
    if (reserve == NULL || size > reserve_left)
        end_with(NO_MEMORY);
    reserve_left -= size;
    return reserve + reserve_left;
}

/* Let CPython take memory for small objects from `allocate_arena`. */
static void use_reserve(void)
{
    PyObject_GetArenaAllocator(&arenas);
    reserve = arenas.alloc(arenas.ctx, reserve_left);
    PyObject_SetArenaAllocator(&(PyObjectArenaAllocator){arenas.ctx, allocate_arena, arenas.free});
}

/* Handle SIGINT until binary/rest.py does: end by it. CPython replaces only the default handler by
 * its own, which would interrupt the start with an unrelated error. */
static void end_by(int number)
{
    signal(number, SIG_DFL);
    raise(number); /* once this handler returns */
}

/* Report that the interpreter cannot start, and end the process. */
static void fail(const char *what)
{
    char line[200];

    snprintf(line, sizeof line,
             "cannot start: %.100s; give this process more memory, or install it again\n",
             what ? what : "out of memory");
    end_with(line);
}

/* Return whether a limit is so low that CPython may crash while it starts. */
static int is_below(int resource, rlim_t megabytes)
{
    struct rlimit limit;

    return getrlimit(resource, &limit) == 0 && limit.rlim_cur < megabytes << 20;
}

/* Use the host's files and DNS for names. A module of the host's own C library that nsswitch.conf
 * may name does not fit into this process. */
static void use_files_and_dns(void)
{
    __nss_configure_lookup("hosts", "files dns");
    __nss_configure_lookup("passwd", "files");
    __nss_configure_lookup("group", "files");
    __nss_configure_lookup("services", "files");
    __nss_configure_lookup("protocols", "files");
    __nss_configure_lookup("networks", "files");
}

/* Until 3.14, CPython can run frozen modules before the second half of its own start, which a `get`
 * without AWS does not need: encodings, streams, signals and the search for modules in files. */
#define TWO_STEPS (PY_VERSION_HEX < 0x030E0000)
int _PySignal_Init(int install_handlers); /* the second half calls it again, to no effect */

/* Return the path that the program was started by. */
static const char *own_path(char **argv)
{
    const char *path = (const char *)getauxval(AT_EXECFN);

    return path != NULL && *path ? path : argv[0];
}

static PyStatus initialize(int argc, char **argv)
{
    PyPreConfig before;
    PyConfig config;
    PyStatus status;

    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1; /* file names are bytes, in any locale */
    status = Py_PreInitialize(&before);
    if (PyStatus_Exception(status))
        return status;
    use_reserve();
    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config.write_bytecode = 0;
    config.pathconfig_warnings = 0;
    config.module_search_paths_set = 1; /* and empty */
    config.install_signal_handlers = 1;
    config.optimization_level = 2;
    config.parse_argv = 0;
#if TWO_STEPS
    config._init_main = 0;
#endif
    /* Without these, it would look for its own files beside the program and above. */
    wchar_t **places[] = {&config.home, &config.prefix, &config.exec_prefix, &config.base_prefix,
                          &config.base_exec_prefix, &config.stdlib_dir};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (!PyStatus_Exception(status))
            status = PyConfig_SetString(&config, places[i], L"/");
    wchar_t **own[] = {&config.program_name, &config.executable, &config.base_executable};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (!PyStatus_Exception(status))
            status = PyConfig_SetBytesString(&config, own[i], own_path(argv));
    if (!PyStatus_Exception(status))
        status = PyConfig_SetBytesArgv(&config, argc, argv);
    if (!PyStatus_Exception(status))
        status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    return status;
}

/* Initialize an extension module, before OpenSSL could read the host's configuration: it may name
 * libraries, for another OpenSSL. */
#define INITIALIZE(name) \
    static PyObject *init_##name(void) \
    { \
        if (strcmp(#name, "_ssl") == 0 || strcmp(#name, "_hashlib") == 0) \
            OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL); \
        return PyInit_##name(); \
    }
EXTENSIONS(INITIALIZE)

/* Do the second half of CPython's start, once. */
static PyObject *finish_start(PyObject *self, PyObject *nothing)
{
    (void)self, (void)nothing;
#if TWO_STEPS
    PyStatus status = _Py_InitializeMain();
    if (PyStatus_Exception(status)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_SystemError, status.err_msg);
        return NULL;
    }
#endif
    Py_RETURN_NONE;
}

static PyMethodDef FINISH_START = {"finish_start", finish_start, METH_NOARGS, NULL};

/* Set a name in sys; return 0, or -1 with an error set. Takes the value, which may be NULL. */
static int set(const char *name, PyObject *value)
{
    int result = value == NULL ? -1 : PySys_SetObject(name, value);

    Py_XDECREF(value);
    return result;
}

/* Return a view of a part of the pack, or NULL with an error set. */
static PyObject *view(size_t at, size_t size)
{
    return PyMemoryView_FromMemory((char *)pack + at, size, PyBUF_READ);
}

/* Set what binary/start.py and binary/pack.py read in sys; return 0, or -1 with an error set. */
static int set_names(int argc, char **argv)
{
    PyObject *arguments = PyList_New(argc);

    for (int i = 0; arguments != NULL && i < argc; i++) {
        PyObject *argument = PyUnicode_DecodeFSDefault(argv[i]);

        PyList_SET_ITEM(arguments, i, argument);
        if (argument == NULL)
            Py_CLEAR(arguments);
    }
    /* The second half of CPython's start sets these two again. */
    return set("argv", arguments) < 0 || set("executable", PyUnicode_DecodeFSDefault(own_path(argv))) < 0
        || set("_pack", view(0, pack_end - pack)) < 0
        || set("_index", view(INDEX_AT, INDEX_SIZE)) < 0
        || set("_memo", view(MEMO_AT, MEMO_SIZE)) < 0
        || set("_finish_start", PyCFunction_New(&FINISH_START, NULL)) < 0 ? -1 : 0;
}

/* Report the error of a module of the start, and end the process. */
static void fail_of_error(void)
{
    if (PyErr_ExceptionMatches(PyExc_SystemExit))
        PyErr_Print(); /* ends the process, as after a command for users */
    PyObject *type = PyErr_Occurred(); /* not printed: memory may be too low for a traceback */

    fail(type == NULL ? NULL : ((PyTypeObject *)type)->tp_name);
}

int main(int argc, char **argv)
{
    static const char *const ACTIONS[] = {"get", "store", "erase", "list"};
    PyStatus status;

    for (size_t i = 0; argc == 2 && i < sizeof ACTIONS / sizeof *ACTIONS; i++)
        is_action |= strcmp(argv[1], ACTIONS[i]) == 0;
    if (signal(SIGINT, SIG_IGN) != SIG_IGN)
        signal(SIGINT, end_by);
    if (is_below(RLIMIT_AS, ((end - __executable_start) >> 20) + 5) || is_below(RLIMIT_DATA, 6))
        fail("this process may use too little memory");
    mallopt(M_ARENA_MAX, 1); /* for all threads: they run in turn */
    use_files_and_dns();
    PyImport_FrozenModules = FROZEN;
#define APPEND(name) PyImport_AppendInittab(#name, init_##name);
    EXTENSIONS(APPEND)
    status = initialize(argc, argv);
    if (PyStatus_Exception(status))
        fail(status.err_msg);
    PyGC_Disable(); /* the program ends before collecting garbage pays */
    if (set_names(argc, argv) < 0 || (TWO_STEPS && _PySignal_Init(1) < 0)
        || PyImport_ImportModule("start") == NULL || PyImport_ImportModule("pack") == NULL)
        fail_of_error();
    return 1; /* the modules end the process */
}
