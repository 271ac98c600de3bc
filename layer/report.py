"""The closing table: what the layer contains, and what it weighs."""

import zipfile
from collections import Counter

from layer.architecture import Architecture
from layer.build import Built


def table(built: Built, target: Architecture) -> None:
    """Print it."""
    with zipfile.ZipFile(built.archive) as archive:
        entries = archive.infolist()
    groups: dict[str, list[int]] = {}
    for entry in entries:
        parts = entry.filename.split("/")
        name = "/".join(parts[:3] if parts[1] in ("lib", "python") else parts[:2])
        group = groups.setdefault(name, [0, 0, 0])
        for number, value in enumerate((1, entry.file_size, entry.compress_size)):
            group[number] += value
    print(f"\n{target.name:36} {'files':>6} {'bytes':>12} {'zipped':>12}")
    for name, (count, size, zipped) in sorted(groups.items()):
        print(f"{name:36} {count:6} {size:12,} {zipped:12,}")
    size = sum(entry.file_size for entry in entries)
    print(f"{built.archive.name:36} {len(entries):6} {size:12,} {built.archive.stat().st_size:12,}")
    frozen: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for module in built.modules:
        frozen[module.origin] += module.bytes
        modules[module.origin] += 1
    print(f"\n{'frozen into extensions/fastext':36} {'modules':>6} {'bytes':>11}")
    for origin, total in frozen.most_common():
        print(f"{origin:36} {modules[origin]:7} {total:12,}")
    print()
