"""Turns all pure Python of the layer into one file of code objects and a table of it in C.

Runs on the layer's own version of Python, as a program: a description in JSON comes on stdin, the
list of frozen modules goes to stdout. The modules are the closure of what the roots import, at any
depth, without what is left out; imports by name at run time have to be named.
"""

import ast
import json
import marshal
import re
import sys
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any

# `from a.b import c, d` and `import a.b`, as one line of Cython has it.
IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+c?import[ \t]+([\w, \t]+)|import[ \t]+([\w.]+))", re.M
)


class Finder(ModuleFinder):
    """Also follows imports out of compiled modules, by what their sources say."""

    def __init__(
        self, path: list[str], excludes: list[str], compiled: dict[str, list[str]]
    ) -> None:
        super().__init__(path, excludes=excludes)
        self._compiled = compiled
        self._followed: set[str] = set()

    def import_module(self, partname: str, fqname: str, parent: Any) -> Any:
        module = super().import_module(partname, fqname, parent)
        if module is None and fqname in self._compiled and fqname not in self._followed:
            self._followed.add(fqname)
            for source in self._compiled[fqname]:
                for origin, names, plain in IMPORT.findall(Path(source).read_text()):
                    base = absolute(origin, fqname.rpartition(".")[0]) if origin else plain
                    self.follow(base)
                    for name in names.replace(",", " ").split():
                        self.follow(f"{base}.{name}")  # it may be a module
        return module

    def follow(self, name: str) -> None:
        """Take `name` and what it imports; if it is not there, that is for its importer to mind."""
        try:
            self.import_hook(name)
        except ImportError:
            self.badmodules.setdefault(name, {})["-"] = 1


def main() -> None:
    given = json.load(sys.stdin)
    finder = Finder(given["path"], given["left_out"], given["compiled"])
    for name in given["roots"]:
        finder.follow(name)
    table: list[str] = []
    report: list[dict[str, Any]] = []
    blob = bytearray()
    modules: dict[str, Any] = finder.modules
    for name, module in modules.items():
        if not (module.__file__ or "").endswith(".py"):
            continue  # compiled
        source = Path(module.__file__)
        relative = next(
            source.relative_to(folder) for folder in given["path"] if source.is_relative_to(folder)
        )
        tree = ast.parse(source.read_bytes())
        postpone(tree, set(given["late"].get(name, ())))
        place = f"{given['prefix']}/{relative}"
        code = compile(tree, place, "exec", dont_inherit=True, optimize=2)
        content = marshal.dumps(code)
        package = int(module.__path__ is not None)
        table.append(f'    {{"{name}", frozen + {len(blob)}, {len(content)}, {package}}},')
        report.append({"name": name, "file": str(source), "bytes": len(content)})
        blob += content
        blob += bytes(-len(blob) % 16)
    output = Path(given["output"])
    (output / "frozen.bin").write_bytes(blob)
    (output / "frozen.c").write_text(
        SOURCE % {"blob": output / "frozen.bin", "table": "\n".join(table)}
    )
    missing = sorted(set(finder.badmodules) - set(given["left_out"]) - set(given["compiled"]))
    json.dump({"modules": report, "missing": missing}, sys.stdout)


class Postponed(ast.NodeTransformer):
    """Puts `import name` into each outermost function that speaks of `name`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.outside: list[int] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        for part in (*node.decorator_list, node.args, *filter(None, [node.returns])):
            self.visit(part)  # evaluated where the function is defined
        if any(self._is_meant(each) for statement in node.body for each in ast.walk(statement)):
            late = ast.Import([ast.alias(self._name)])
            node.body.insert(0, ast.fix_missing_locations(ast.copy_location(late, node.body[0])))
        return node

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if self._is_meant(node):
            self.outside.append(node.lineno)
        return node

    def _is_meant(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == self._name


def postpone(tree: ast.Module, names: set[str]) -> None:
    """Move the imports of `names` from the top of a module into the functions that need them.

    Raises ValueError where there is no such import, or one of them is needed at once.
    """
    for name in sorted(names):
        plain = [
            node
            for node in tree.body
            if isinstance(node, ast.Import)
            and [(alias.name, alias.asname) for alias in node.names] == [(name, None)]
        ]
        if len(plain) != 1:
            raise ValueError(f"{len(plain)} plain imports of {name}")
        tree.body.remove(plain[0])
        visitor = Postponed(name)
        visitor.visit(tree)
        if visitor.outside:
            raise ValueError(f"{name} is needed at once, in lines {visitor.outside}")


def absolute(name: str, package: str) -> str:
    """A name as `from` has it in a module of `package`, with its leading dots resolved."""
    dots = len(name) - len(name.lstrip("."))
    if not dots:
        return name
    parents = package.split(".")[: -dots + 1 or None]
    return ".".join([*parents, *filter(None, [name[dots:]])])


SOURCE = """\
/* Made by layer/freeze.py. */
#include <Python.h>

__asm__(
    ".pushsection .rodata.frozen,\\"a\\"\\n"
    ".balign 64\\n"
    "fastext_frozen_blob:\\n"
    ".incbin \\"%(blob)s\\"\\n"
    ".popsection\\n"
);
extern const unsigned char frozen[] __asm__("fastext_frozen_blob");

const struct _frozen fastext_frozen[] = {
%(table)s
    {0, 0, 0, 0}
};
"""

if __name__ == "__main__":
    main()
