"""The bill of materials: CycloneDX 1.6, what is inside with versions, licences and hashes."""

import email.parser
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from layer import lock
from layer.architecture import Architecture
from layer.contents import DEBIAN_COMPONENTS, LICENCES, SDISTS, SUITE, VENDORED
from layer.errors import LayerError
from layer.lock import Input
from layer.roots import Roots
from layer.tree import PROJECT

SPDX = re.compile(r"[A-Za-z][\w.+-]*( (AND|OR|WITH) .+)?")


def bill(
    target: Architecture,
    roots: Roots,
    inputs: list[Input],
    opt: Path,
    packages: Iterable[str],
    digest: str,
) -> dict[str, Any]:
    """The bill of the layer laid out at `opt`, whose archive has the SHA-256 `digest`."""
    version = own_version()
    components = [
        *debian_components(target, inputs),
        *python_components(target, roots, inputs, packages),
        *vendored_components(roots),
        *file_components(opt),
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "fastext",
                "name": "fastext",
                "version": version,
                "purl": f"pkg:generic/fastext@{version}?arch={target.name}",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "hashes": [{"alg": "SHA-256", "content": digest}],
            },
            "tools": {
                "components": [
                    {"type": "application", "name": entry.name, "version": entry.version}
                    for entry in inputs
                    if entry.name in ("cython", "ziglang")
                ]
            },
        },
        "components": components,
        "dependencies": [
            {
                "ref": "fastext",
                "dependsOn": [c["bom-ref"] for c in components if c["type"] != "file"],
            }
        ],
    }


def own_version() -> str:
    found = re.search(r'__version__ = "(.+)"', (PROJECT / "src/fastext/__init__.py").read_text())
    assert found is not None
    return found[1]


def component(
    name: str, version: str, licence: str, purl: str, kind: str = "library"
) -> dict[str, Any]:
    """One component; `licence` is an SPDX expression."""
    simple = " " not in licence
    return {
        "type": kind,
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": [{"license": {"id": licence}} if simple else {"expression": licence}],
    }


def debian_components(target: Architecture, inputs: list[Input]) -> Iterator[dict[str, Any]]:
    versions = {e.name: e.version for e in inputs if e.architecture == target.debian}
    for part in DEBIAN_COMPONENTS:
        version = versions[part.package]
        purl = f"pkg:deb/debian/{part.package}@{version}?arch={target.debian}&distro={SUITE}"
        yield component(part.name, version, part.licence, purl)


def python_components(
    target: Architecture, roots: Roots, inputs: list[Input], packages: Iterable[str]
) -> Iterator[dict[str, Any]]:
    versions = {e.name.replace("_", "-"): e.version for e in inputs if e.origin == "pypi"}
    for name in packages:
        purl = f"pkg:pypi/{name}@{versions[name]}"
        yield component(name, versions[name], licence_of(roots, target, name), purl)


def licence_of(roots: Roots, target: Architecture, package: str) -> str:
    """The SPDX expression of a package's licence, by its metadata. Raises LayerError."""
    if package in SDISTS:
        path = roots.sdist(package) / "PKG-INFO"
    else:
        (path,) = roots.wheels(target).glob(f"{package.replace('-', '_')}-*.dist-info/METADATA")
    metadata = email.parser.HeaderParser().parsestr(path.read_text())
    found = LICENCES.get(package) or metadata["License-Expression"] or metadata["License"] or ""
    if not SPDX.fullmatch(found):
        raise LayerError(f"{package}: its metadata names no SPDX licence; contents.LICENCES has to")
    return str(found)


def vendored_components(roots: Roots) -> Iterator[dict[str, Any]]:
    for part in VENDORED:
        header = roots.sdist(part.sdist) / part.folder / part.header
        version = ".".join(re.findall(part.version, header.read_text())[:3])
        yield component(part.name, version, part.licence, f"pkg:generic/{part.name}@{version}")


def file_components(opt: Path) -> Iterator[dict[str, Any]]:
    """Every file of the layer."""
    for path in sorted(path for path in opt.rglob("*") if path.is_file()):
        name = path.relative_to(opt).as_posix()
        yield {
            "type": "file",
            "bom-ref": f"file:{name}",
            "name": name,
            "hashes": [{"alg": "SHA-256", "content": lock.sha256(path)}],
        }
