/* The layer's program: an interpreter that runs fastext.boot, and nothing else.
 *
 * It neither reads variables of Python's nor looks for files of Python's: all modules are linked in
 * or frozen, and what cannot be lies under PREFIX. Outside Lambda, `fastext --interpreter CODE`
 * runs CODE by the same interpreter, initialised in the same way, for measurements and checks.
 */
#include <Python.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX L"/opt/fastext/python"

extern const struct _frozen fastext_frozen[];

/* glibc: which of its name services are asked. /etc/nsswitch.conf may name some that are files. */
extern int __nss_configure_lookup(const char *, const char *);

/* openssl.cnf of the machine would otherwise be read by whichever module comes first. */
PyMODINIT_FUNC PyInit__ssl(void);
PyMODINIT_FUNC PyInit__hashlib(void);

PyObject *fastext_init_ssl(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    return PyInit__ssl();
}

PyObject *fastext_init_hashlib(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    return PyInit__hashlib();
}

static PyStatus initialize(int argc, char **argv)
{
    PyPreConfig preconfig;
    PyConfig config;
    PyStatus status;

    PyPreConfig_InitIsolatedConfig(&preconfig);
    preconfig.utf8_mode = 1;
    status = Py_PreInitialize(&preconfig);
    if (PyStatus_Exception(status))
        return status;

    PyImport_FrozenModules = fastext_frozen;
    PyConfig_InitIsolatedConfig(&config);
    config.install_signal_handlers = 1; /* without, a closed socket ends the process: SIGPIPE */
    config.site_import = 0;
    config.write_bytecode = 0;
    config.optimization_level = 2;
    config.module_search_paths_set = 1;
    wchar_t **strings[] = {
        &config.prefix, &config.exec_prefix, &config.base_prefix, &config.base_exec_prefix,
        &config.stdlib_dir, /* frozen modules have their __file__ and __path__ below it */
        &config.executable, &config.base_executable, &config.program_name,
    };
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        status = PyConfig_SetString(&config, strings[i], i < 5 ? PREFIX : L"");
        if (PyStatus_Exception(status))
            return status;
    }
    status = PyWideStringList_Append(&config.module_search_paths, PREFIX);
    if (PyStatus_Exception(status))
        return status;
    status = PyConfig_SetBytesArgv(&config, argc, argv);
    if (PyStatus_Exception(status))
        return status;
    status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    return status;
}

static int run_extension(void)
{
    PyObject *boot = PyImport_ImportModule("fastext.boot");
    PyObject *status = boot ? PyObject_CallMethod(boot, "main", NULL) : NULL;
    if (status == NULL) {
        PyErr_Print(); /* SystemExit ends the process here */
        return 1;
    }
    return (int)PyLong_AsLong(status);
}

static void flush(const char *name)
{
    PyObject *file = PySys_GetObject(name);
    PyObject *done = file ? PyObject_CallMethod(file, "flush", NULL) : NULL;
    if (done == NULL)
        PyErr_Clear();
}

int main(int argc, char **argv)
{
    int code = argc == 3 && strcmp(argv[1], "--interpreter") == 0
               && getenv("AWS_LAMBDA_RUNTIME_API") == NULL;

    __nss_configure_lookup("hosts", "files dns");
    PyStatus status = initialize(argc, argv);
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
    int result = code ? PyRun_SimpleString(argv[2]) != 0 : run_extension();
    flush("stdout");
    flush("stderr");
    _exit(result); /* what finalisation would free, the kernel frees faster */
}
