"""Modules that are loaded when something of them is needed, not when they are imported.

asyncio and uvloop import `inspect`, with the compiler's and the disassembler's modules, which is a
tenth of the time to serving; all that they ask of it while we start is whether a callback is a
coroutine function, and that is answered here. They import `subprocess` for its constants, and
`traceback`, with the tokenizer, for faults that nobody handles. botocore imports much for
credentials that are seldom used, `urllib.request` to learn that there is no proxy, and `inspect` to
learn whether a function takes any keyword.
"""

import sys
from types import FunctionType, MethodType, ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Of code.co_flags (Python's data model, "Code objects").
CO_VARARGS = 0x04
CO_VARKEYWORDS = 0x08
CO_COROUTINE = 0x80


class LateModule(ModuleType):
    """In the place of a module: whatever is asked of it, the real one answers.

    While others are loaded they get a function for each name that they take from it; classes to
    be derived from, or compared with, it cannot stand for.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.loading = True

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        module = self.__name__
        return _late(module, name) if self.loading else getattr(_real(module), name)


class LateInspect(LateModule):
    @staticmethod
    def iscoroutinefunction(value: object) -> bool:
        """Whether calling `value` makes a coroutine, as the real one tells of functions."""
        function = _function_of(value)
        if function is None:
            return bool(_real("inspect").iscoroutinefunction(value))
        return bool(function.__code__.co_flags & CO_COROUTINE)

    @staticmethod
    def get_annotations(value: object, **options: object) -> "dict[str, object]":
        """Those of a class itself, which dataclasses ask for from Python 3.12 on."""
        if not isinstance(value, type) or options or sys.version_info >= (3, 14):
            return dict(_real("inspect").get_annotations(value, **options))
        return dict(vars(value).get("__annotations__") or {})

    @staticmethod
    def getfullargspec(value: object) -> "tuple[object, ...]":
        """The parameters of `value`, in the order of the real one's result."""
        function = _function_of(value)
        if function is None:
            return tuple(_real("inspect").getfullargspec(value))
        code = function.__code__
        names, count = code.co_varnames, code.co_argcount + code.co_kwonlyargcount
        varargs = varkw = None
        if code.co_flags & CO_VARARGS:
            varargs, count = names[count], count + 1
        if code.co_flags & CO_VARKEYWORDS:
            varkw = names[count]
        positional = code.co_argcount
        keywords = list(names[positional : positional + code.co_kwonlyargcount])
        return (list(names[:positional]), varargs, varkw, function.__defaults__, keywords,
                function.__kwdefaults__, function.__annotations__)  # fmt: skip


class LateRequest(LateModule):
    """`urllib.request`, which on Linux finds proxies in the environment alone."""

    @staticmethod
    def getproxies() -> object:
        """URLs of proxies by scheme."""
        return _real("urllib.request").getproxies() if _may_have_proxies() else {}

    @staticmethod
    def proxy_bypass(host: str) -> bool:
        """Whether no proxy is to be used for `host`."""
        return _may_have_proxies() and bool(_real("urllib.request").proxy_bypass(host))


class LateSubprocess(LateModule):
    """`subprocess`, whose constants are told as the real one does."""

    PIPE, STDOUT, DEVNULL = -1, -2, -3


ANSWERING = {
    "inspect": LateInspect,
    "subprocess": LateSubprocess,
    "urllib.request": LateRequest,
}


class late_modules:  # noqa: N801: a context manager, without contextlib, which is loaded later
    """Who imports one of `names` within it gets a `LateModule`; who does later, the real one.

    What is loaded already stays as it is.
    """

    def __init__(self, *names: str) -> None:
        self._placed = {
            name: ANSWERING.get(name, LateModule)(name) for name in names if name not in sys.modules
        }

    def __enter__(self) -> None:
        sys.modules.update(self._placed)

    def __exit__(self, *fault: object) -> None:
        for name, late in self._placed.items():
            late.loading = False
            if sys.modules.get(name) is late:
                del sys.modules[name]
            package, _, last = name.rpartition(".")
            parent = sys.modules.get(package)
            # `import package.last` has found it, and so did not tell the package of it.
            if parent is not None and last not in vars(parent):
                setattr(parent, last, late)


def _function_of(value: object) -> "FunctionType | None":
    """The function that is called by calling `value`, where it is as plain as that."""
    while isinstance(value, MethodType):
        value = value.__func__
    return value if isinstance(value, FunctionType) else None


def _may_have_proxies() -> bool:
    import os

    return sys.platform != "linux" or any(name.lower().endswith("_proxy") for name in os.environ)


def _late(module: str, name: str) -> "Callable[..., object]":
    def call(*arguments: object, **named: object) -> object:
        return getattr(_real(module), name)(*arguments, **named)

    return call


def _real(name: str) -> "ModuleType":
    if isinstance(sys.modules.get(name), LateModule):
        del sys.modules[name]
    __import__(name)
    return sys.modules[name]
