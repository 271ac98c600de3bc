"""Cython, C compiler and linker: from sources to the one executable.

Compiler and linker come from PyPI's ziglang, so none of the machine is used, and arm64 is built as
x86_64 is. They are called by themselves, with Debian's own headers, start files and C library:
through `zig cc` the linker would see a stub of that library, in which `environ` has no aliases (the
process would have no environment), and the compiler would insist on position-independent code.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from layer import elf
from layer.architecture import Architecture
from layer.contents import STDLIB_EXTENSIONS
from layer.progress import run, say
from layer.roots import Roots

SOURCE = Path(__file__).resolve().parent
LIBRARIES = "/opt/fastext/lib"

# libuv's own list for Linux (vendor/libuv/CMakeLists.txt), below vendor/libuv/src.
LIBUV = (
    "fs-poll", "idna", "inet", "random", "strscpy", "strtok", "thread-common", "threadpool",
    "timer", "uv-common", "uv-data-getter-setters", "version",
    "unix/async", "unix/core", "unix/dl", "unix/fs", "unix/getaddrinfo", "unix/getnameinfo",
    "unix/linux", "unix/loop-watcher", "unix/loop", "unix/pipe", "unix/poll", "unix/process",
    "unix/procfs-exepath", "unix/proctitle", "unix/random-devurandom", "unix/random-getrandom",
    "unix/random-sysctl-linux", "unix/signal", "unix/stream", "unix/tcp", "unix/thread",
    "unix/tty", "unix/udp",
)  # fmt: skip

# The interpreter was compiled with these; without wrapping, its arithmetic on integers may differ.
FLAGS = ("-O2", "-DNDEBUG", "-fwrapv", "-fno-strict-aliasing", "-fno-pic", "-fno-pie", "-w",
         "-ffunction-sections", "-fdata-sections", "-fno-asynchronous-unwind-tables")  # fmt: skip

# libmpdec's configuration for 64-bit machines (Modules/_decimal; configure.ac of CPython).
DECIMAL = {"x86_64": ("-DCONFIG_64=1", "-DASM=1"),
           "arm64": ("-DCONFIG_64=1", "-DANSI=1", "-DHAVE_UINT128_T=1")}  # fmt: skip


class Unit(NamedTuple):
    """One file to compile."""

    source: Path
    flags: tuple[str | Path, ...] = ()


class Native:
    """Compiles and links for `target` in `folder`."""

    def __init__(self, roots: Roots, target: Architecture, source: Path, folder: Path) -> None:
        self._roots = roots
        self._target = target
        self._source = source
        self._folder = folder

    def build(self, wheels: Path) -> Path:
        """The executable; `frozen.c` lies in the folder already."""
        say(f"{self._target.name}: compiling Cython modules to C")
        ours = self._cythonize()
        units = [
            Unit(SOURCE / "main.c"),
            Unit(SOURCE / "no_zstd.c"),
            Unit(self._folder / "frozen.c"),
            Unit(self._inittab(ours)),
            *ours.values(),
            *self._uvloop(),
            *self._httptools(),
            *self._stdlib(),
        ]
        say(f"{self._target.name}: compiling {len(units)} files")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(self._compile, range(len(units)), units))
        for old in set(self._folder.glob("*.o")) - set(objects):
            old.unlink()
        say(f"{self._target.name}: linking")
        return self._link(objects, wheels)

    # -- what is compiled

    def _cythonize(self) -> dict[str, Unit]:
        """Our own modules: dotted name -> the C file."""
        units = {}
        environ = {"PYTHONPATH": str(self._roots.tools), "PYTHONHASHSEED": "0"}
        for path in sorted(self._source.rglob("*.pyx")):
            relative = path.relative_to(self._source)
            output = self._folder / f"{'.'.join(relative.with_suffix('').parts)}.c"
            command = [*self._roots.python(), "-m", "cython", "--output-file", output, relative]
            run(command, what=f"Cython on {relative}", cwd=self._source, environ=environ)
            units[output.stem] = Unit(output, (renamed(output.stem),))
        return units

    def _uvloop(self) -> Iterator[Unit]:
        folder = self._roots.sdist("uvloop")
        libuv = folder / "vendor" / "libuv"
        # compat.h has a function of its own by a name that the interpreter has, too.
        flags = ("-I", folder / "uvloop", "-I", libuv / "include", renamed("uvloop.loop"),
                 "-D_Py_RestoreSignals=uvloop_restore_signals")  # fmt: skip
        yield Unit(folder / "uvloop" / "loop.c", flags)
        for name in LIBUV:
            yield Unit(
                libuv / "src" / f"{name}.c",
                ("-I", libuv / "include", "-I", libuv / "src", "-D_GNU_SOURCE"),
            )

    def _httptools(self) -> Iterator[Unit]:
        folder = self._roots.sdist("httptools")
        for module, vendor, sources in (
            ("parser", folder / "vendor/llhttp/include", folder.glob("vendor/llhttp/src/*.c")),
            ("url_parser", folder / "vendor/http-parser",
             [folder / "vendor/http-parser/http_parser.c"]),
        ):  # fmt: skip
            flags = ("-I", vendor, renamed(f"httptools.parser.{module}"))
            yield Unit(folder / "httptools" / "parser" / f"{module}.c", flags)
            for source in sorted(sources):
                yield Unit(source, ("-I", vendor))

    def _stdlib(self) -> Iterator[Unit]:
        modules = self._roots.python_source / "Modules"
        include = self._roots.debian(self._target) / "usr/include/python3.13/internal"
        flags = ("-DPy_BUILD_CORE_BUILTIN=1", "-I", include, "-I", modules)
        for name, patterns in STDLIB_EXTENSIONS.items():
            more: tuple[str | Path, ...] = ()
            if name == "_decimal":
                more = ("-I", modules / "_decimal/libmpdec", *DECIMAL[self._target.name])
            elif name == "_ssl":
                more = ("-include", SOURCE / "no_bluetooth.h")
            for pattern in patterns:
                for source in sorted(modules.glob(pattern)):
                    if not source.stem.startswith("bench"):
                        yield Unit(source, (*flags, *more))
        hacl = modules / "_hacl"
        yield Unit(hacl / "Hacl_Hash_SHA2.c", (*flags, "-I", hacl / "include", "-D_GNU_SOURCE"))

    def _inittab(self, ours: dict[str, Unit]) -> Path:
        """The table of compiled modules: Debian's own, and what is linked in besides."""
        config = self._roots.debian(self._target) / "usr/lib/python3.13"
        config /= f"config-3.13-{self._target.triplet}/config.c"
        entries = re.findall(r'^\s*\{"(\w+)", (\w+)\},', config.read_text(), re.M)
        own = {"_ssl": "fastext_init_ssl", "_hashlib": "fastext_init_hashlib"}
        entries += [(name, own.get(name, f"PyInit_{name}")) for name in STDLIB_EXTENSIONS]
        linked = (
            *ours,
            "uvloop.loop",
            "httptools.parser.parser",
            "httptools.parser.url_parser",
        )
        entries += [(name, init_function(name)) for name in linked]
        declarations = "".join(
            f"extern PyObject *{function}(void);\n" for _, function in entries if function != "NULL"
        )
        table = "".join(f'    {{"{name}", {function}}},\n' for name, function in entries)
        path = self._folder / "inittab.c"
        path.write_text(
            f"/* Made by layer/native.py. */\n#include <Python.h>\n{declarations}\n"
            f"struct _inittab _PyImport_Inittab[] = {{\n{table}    {{0, 0}}\n}};\n"
        )
        return path

    # -- how

    def _compile(self, number: int, unit: Unit) -> Path:
        """The object file of `unit`, from an earlier build if nothing in it has changed."""
        root = self._roots.debian(self._target)
        own = self._roots.zig.parent / "lib"
        command = [
            self._roots.zig, "clang", f"--target={self._target.triplet}", *FLAGS, *unit.flags,
            "-nostdinc", "-isystem", own / "include",
            "-isystem", root / "usr/include" / self._target.triplet,
            "-isystem", root / "usr/include",
            # The kernel's headers; those of the C library above are Debian's.
            "-isystem", own / f"libc/include/{self._target.kernel}-linux-any",
            "-isystem", own / "libc/include/any-linux-any",
            "-I", root / "usr/include/python3.13",
            # Where the project lies must not show: some sources name their files in messages.
            f"-ffile-prefix-map={self._folder}=build", f"-ffile-prefix-map={self._roots.cache}=",
            "-c", unit.source,
        ]  # fmt: skip
        content = unit.source.read_bytes()
        if unit.source.name == "frozen.c":
            content += (self._folder / "frozen.bin").read_bytes()
        # Headers come from pinned inputs, or from beside a source that is one.
        stamp = f"{command} {self._roots.stamp(self._target)}"
        key = hashlib.sha256(stamp.encode() + content).hexdigest()
        output = self._folder / f"{number:03}-{unit.source.stem}-{key[:16]}.o"
        if not output.exists():
            partial = output.with_suffix(".partial")
            run([*command, "-o", partial], what=f"compiling {unit.source.name}")
            partial.rename(output)
        return output

    def _link(self, objects: Sequence[Path], wheels: Path) -> Path:
        root = self._roots.debian(self._target)
        libraries = self._roots.libraries(self._target)
        gcc = root / "usr/lib/gcc" / self._target.triplet / "14"
        exported = self._folder / "exported.txt"
        exported.write_text("".join(f"{name};\n" for name in sorted(wanted_symbols(wheels))))
        exported.write_text(f"{{\n{exported.read_text()}}};\n")
        output = self._folder / "fastext"
        command: list[str | Path] = [
            self._roots.zig, "ld.lld", "-o", output, "-s", "--gc-sections", "--hash-style=gnu",
            "-z", "keep-text-section-prefix", "-z", "noseparate-code",
            "--dynamic-linker", f"{LIBRARIES}/{self._target.loader}",
            # DT_RPATH comes before LD_LIBRARY_PATH, which is the function's; DT_RUNPATH after.
            "-rpath", LIBRARIES, "--disable-new-dtags",
            "--dynamic-list", exported, "-T", SOURCE / "link.ld",
            libraries / "crt1.o", libraries / "crti.o", gcc / "crtbegin.o", *objects,
            *(libraries / f"lib{name}.a" for name in ("python3.13", "ssl", "crypto", "z", "expat")),
            libraries / "libm.so.6", libraries / "libc.so.6", libraries / self._target.loader,
            libraries / "libc_nonshared.a", gcc / "libgcc.a", gcc / "libgcc_eh.a",
            gcc / "crtend.o", libraries / "crtn.o",
        ]  # fmt: skip
        run(command, what="linking")
        return output


def init_function(module: str) -> str:
    return f"PyInit_{module.replace('.', '_')}"


def renamed(module: str) -> str:
    """The flag that gives a module's init function a name of its own in the one executable."""
    return f"-DPyInit_{module.rpartition('.')[2]}={init_function(module)}"


def wanted_symbols(wheels: Path) -> set[str]:
    """What the shared objects of the wheels want of the interpreter."""
    found: set[str] = set()
    for path in sorted(wheels.rglob("*.so")):
        found.update(name for name in elf.read(path).undefined if re.match("_?Py", name))
    return found
