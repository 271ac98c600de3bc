"""Makes every function of the program one that fails when a test says so.

Loaded by Python itself where this folder is on its path. Functions are called as ever until the
file that FASTEXT_TEST_FAILING names holds their name, `module:function` or `module:Class.method`.
"""

import functools
import importlib
import os
import pkgutil
from types import FunctionType

CONTROL = os.environ["FASTEXT_TEST_FAILING"]
ABSENT = ("fastext.commands", "fastext.console", "fastext.local")


def fallible(name, function):
    @functools.wraps(function)
    def call(*arguments, **options):
        with open(CONTROL) as control:
            if control.read() == name:
                raise RuntimeError("unforeseen")
        return function(*arguments, **options)

    return call


def functions_of(module):
    """Names, functions, and the classes that have them or None."""
    for name, value in list(vars(module).items()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, FunctionType):
            yield name, value, None
        elif isinstance(value, type):
            for method, function in list(vars(value).items()):
                if isinstance(function, FunctionType):
                    yield f"{name}.{method}", function, value


import fastext  # noqa: E402

modules = [
    importlib.import_module(f"fastext.{found.name}")
    for found in pkgutil.iter_modules(fastext.__path__)
    if found.name != "__main__" and f"fastext.{found.name}" not in ABSENT
]
names = []
for module in modules:
    for name, function, owner in functions_of(module):
        full = f"{module.__name__.removeprefix('fastext.')}:{name}"
        names.append(full)
        wrapped = fallible(full, function)
        if owner is not None:
            setattr(owner, function.__name__, wrapped)
            continue
        for user in modules:
            for known, value in list(vars(user).items()):
                if value is function:
                    setattr(user, known, wrapped)
with open(CONTROL + ".names", "w") as file:
    file.write("\n".join(names))
