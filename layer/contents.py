"""What the layer is made of, and what is left out of it, each with its reason."""

from typing import NamedTuple

SUITE = "trixie"

# Debian packages of the target: the interpreter as a library, what it needs, the C library.
PACKAGES = (
    "base-files",  # the texts of common licences
    "gcc-14-base",
    "libc6",
    "libc6-dev",
    "libexpat1-dev",
    "libgcc-14-dev",
    "libgcc-s1",
    "libpython3.13-dev",
    "libpython3.13-minimal",
    "libpython3.13-stdlib",
    "libssl-dev",
    "libstdc++6",
    "zlib1g-dev",
)

# Debian packages of the machine that builds: an interpreter of the same version, and `patch`.
TOOL_PACKAGES = (
    "libattr1",
    "libexpat1",
    "libssl3t64",
    "patch",
    "python3.13-minimal",
    "zlib1g",
)

# The modules that Debian keeps out of libpython are compiled from the same source.
SOURCE_PACKAGE = "python3.13"

# To add a package to the layer, add its name here and renew the lock (--update-lock): a wheel
# brings its dependencies along, its Python is frozen and its shared objects lie beside.
WHEELS = ("botocore", "google-re2", "orjson")
SDISTS = ("httptools", "uvloop")  # compiled and linked in
TOOLS = ("Cython", "ziglang")

# Modules that Debian builds apart from libpython: name -> files under Modules, patterns allowed.
STDLIB_EXTENSIONS = {
    "_asyncio": ("_asynciomodule.c",),
    "_contextvars": ("_contextvarsmodule.c",),
    "_decimal": ("_decimal/_decimal.c", "_decimal/libmpdec/*.c"),
    "_hashlib": ("_hashopenssl.c",),
    "_queue": ("_queuemodule.c",),
    "_ssl": ("_ssl.c",),
    "resource": ("resource.c",),
}

# What is imported by a name that only exists at run time.
IMPORTED_BY_NAME = (
    "encodings.aliases",  # the interpreter's own start
    "encodings.ascii",
    "encodings.idna",  # a host name that is not ASCII
    "encodings.latin_1",
    "encodings.utf_8",
    "encodings.utf_8_sig",
    # by modules in C: _datetime, _decimal, _elementtree
    "_strptime",
    "copy",
    "numbers",
    "xml.etree.ElementPath",
    # by orjson, a shared object
    "dataclasses",
    "datetime",
    "enum",
    "json",
    "uuid",
)

# Imports that wait until a function needs them, a tenth of the time to serving: module -> what it
# imports. In our process hardly any of these functions is ever called.
IMPORTED_LATE = {
    "inspect": ("ast", "tokenize"),
    "subprocess": ("locale",),
    "traceback": ("textwrap",),
}

# What imports lead to but the extension never uses: why it is not needed -> the modules. An import
# of one of them fails; each stands in a function that is not called, or in a `try` for that case.
LEFT_OUT_FOR = {
    "commands and a page for people": ("fastext.commands", "fastext.console"),
    "development and documentation": (
        "_pyrepl", "argparse", "bdb", "cmd", "code", "codeop", "difflib", "doctest", "getopt",
        "pdb", "pprint", "py_compile", "pydoc", "pydoc_data", "rlcompleter", "runpy", "test",
        "tracemalloc", "unittest",
    ),
    "stand-ins in Python for modules that are compiled in": (
        "_py_abc", "_pydatetime", "_pydecimal", "_threading_local", "importlib._bootstrap",
        "importlib._bootstrap_external", "zipimport",
    ),
    "other systems": (
        "_aix_support", "_ios_support", "_osx_support", "asyncio.proactor_events",
        "asyncio.windows_events", "asyncio.windows_utils", "ctypes.wintypes", "dateutil.tz.win",
        "encodings.mbcs", "nturl2path", "urllib3.contrib.emscripten",
    ),
    "other protocols, formats and servers": (
        "bz2", "ftplib", "http.cookiejar", "http.server", "lzma", "netrc", "plistlib",
        "socketserver", "tarfile", "urllib3.http2.connection", "webbrowser", "xmlrpc",
    ),
    "processes of Python's own and foreign functions": (
        "concurrent.futures.process", "ctypes", "multiprocessing", "pickle",
    ),
    "other implementations of TLS and of signatures": (
        "botocore.crt.auth", "urllib3.contrib.pyopenssl",
    ),
    "mail is parsed as far as HTTP's header fields go": (
        "email._header_value_parser", "email.contentmanager", "email.generator",
        "email.headerregistry", "email.policy",
    ),
    "time zones and calendars: AWS's times are in UTC": (
        "dateutil.easter", "dateutil.rrule", "dateutil.zoneinfo",
    ),
    "reached by functions that nobody calls": (
        "fractions", "gettext", "importlib.readers", "importlib.resources.readers",
        "importlib.simple", "pkgutil", "statistics", "sysconfig",
    ),
}  # fmt: skip
LEFT_OUT = tuple(name for names in LEFT_OUT_FOR.values() for name in names)

# The services whose models botocore reads, under botocore/data.
SERVICES = ("appconfigdata", "sts")
MODELS = ("endpoint-rule-set-1", "service-2")
SHARED_DATA = ("_retry", "partitions", "sdk-default-configuration")

# Shared libraries that go along, besides the loader; libgcc_s is for pthread_exit, and with
# libstdc++ for RE2.
SHARED_LIBRARIES = ("libc.so.6", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0",
                    "libstdc++.so.6")  # fmt: skip


class Component(NamedTuple):
    """A part of the layer that is no wheel. `package` is the Debian package with its licence."""

    name: str
    package: str
    licence: str


DEBIAN_COMPONENTS = (
    Component("CPython", "libpython3.13-minimal", "Python-2.0.1"),
    Component("OpenSSL", "libssl-dev", "Apache-2.0"),
    Component("expat", "libexpat1-dev", "MIT"),
    Component("GNU C Library", "libc6", "LGPL-2.1-or-later"),
    Component("libgcc and libstdc++", "gcc-14-base", "GPL-3.0-or-later WITH GCC-exception-3.1"),
    Component("zlib", "zlib1g-dev", "Zlib"),
)


class Vendored(NamedTuple):
    """What a source distribution brings along, in `folder`; `version` matches in `header`."""

    name: str
    sdist: str
    folder: str
    licence: str
    header: str
    version: str


VENDORED = (
    Vendored("libuv", "uvloop", "vendor/libuv", "MIT AND BSD-2-Clause AND ISC",
             "include/uv/version.h", r"UV_VERSION_(?:MAJOR|MINOR|PATCH)\s+(\d+)"),
    Vendored("llhttp", "httptools", "vendor/llhttp", "MIT",
             "include/llhttp.h", r"LLHTTP_VERSION_(?:MAJOR|MINOR|PATCH)\s+(\d+)"),
    Vendored("http-parser", "httptools", "vendor/http-parser", "MIT",
             "http_parser.h", r"HTTP_PARSER_VERSION_(?:MAJOR|MINOR|PATCH)\s+(\d+)"),
)  # fmt: skip

# SPDX expressions of packages whose metadata has none.
LICENCES = {
    "google-re2": "BSD-3-Clause AND Apache-2.0",  # with Abseil compiled in
    "python-dateutil": "BSD-3-Clause AND (Apache-2.0 OR BSD-3-Clause)",
    "uvloop": "MIT OR Apache-2.0",
}

# Megabytes of 1,000,000 bytes, for each architecture.
MAX_ZIPPED_MB = 11.0
MAX_UNPACKED_MB = 28.0
