"""Debian's archive, through apt-get with a configuration of its own: downloads, nothing else.

Mirror and keyring are those of the machine's own Debian sources (sources.list(5), both styles),
with the suite that the layer needs.
"""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from layer.contents import SUITE
from layer.errors import LayerError
from layer.progress import say

DEFAULT_MIRROR = "http://deb.debian.org/debian"
DEFAULT_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SOURCES = Path("/etc/apt")
ARCHITECTURES = ("amd64", "arm64")


class Archive:
    """Debian's archive with private lists under `folder`."""

    def __init__(self, folder: Path, mirror: str | None, keyring: Path | None) -> None:
        self._folder = folder
        self._keyring = keyring or DEFAULT_KEYRING
        own = [uri for uri in uris() if "debian" in uri]
        plain = [uri for uri in own if not uri.rstrip("/").endswith("-security")]
        security = [uri for uri in own if uri.rstrip("/").endswith("-security")]
        self._mirror = mirror or (plain or [DEFAULT_MIRROR])[0]
        derived = re.sub(r"/debian/*$", "/debian-security", self._mirror)
        self._security = derived if mirror or not security else security[0]
        self._updated = False

    def update(self) -> None:
        """Renew the private lists of packages, once."""
        if self._updated:
            return
        if not self._keyring.exists():
            raise LayerError(
                f"{self._keyring} is missing: install debian-archive-keyring, or give --keyring"
            )
        say(f"reading the lists of Debian {SUITE} from {self._mirror}")
        for name in ("state/lists/partial", "cache/archives/partial"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "status").touch()
        (self._folder / "sources.list").write_text("".join(self._lines()))
        (self._folder / "apt.conf").write_text(self._configuration())
        self._apt_get(["update"], self._folder)
        self._updated = True

    def download(self, packages: Sequence[str], folder: Path) -> None:
        """Bring packages, as `name:architecture` or `name:architecture=version`, to `folder`."""
        self.update()
        self._apt_get(["download", *packages], folder)

    def download_source(self, package: str, folder: Path) -> None:
        """Bring the files of a source package, as `name` or `name=version`, to `folder`."""
        self.update()
        self._apt_get(["source", "--download-only", "--only-source", package], folder)

    def _lines(self) -> Iterator[str]:
        for kind in ("deb", "deb-src"):
            for uri, suite in ((self._mirror, SUITE), (self._security, f"{SUITE}-security")):
                yield f"{kind} [signed-by={self._keyring}] {uri} {suite} main\n"

    def _configuration(self) -> str:
        names = " ".join(f'"{name}";' for name in ARCHITECTURES)
        folder = self._folder
        return (
            f'APT::Architecture "{ARCHITECTURES[0]}";\nAPT::Architectures {{ {names} }};\n'
            'APT::Sandbox::User "root";\nAcquire::Languages "none";\nAcquire::Retries "3";\n'
            f'Dir::State "{folder}/state";\nDir::State::status "{folder}/status";\n'
            f'Dir::Cache "{folder}/cache";\nDir::Etc::sourcelist "{folder}/sources.list";\n'
            'Dir::Etc::sourceparts "/dev/null";\n'
            "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n"
            "#clear APT::Update::Post-Invoke-Success;\n#clear DPkg::Post-Invoke;\n"
        )

    def _apt_get(self, arguments: Sequence[str], cwd: Path) -> None:
        answer = subprocess.run(
            ["apt-get", "-c", self._folder / "apt.conf", "-q", "-y", *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            said = [line for line in answer.stderr.splitlines() if line.startswith("E:")]
            raise LayerError(
                f"apt-get {arguments[0]} failed:\n  " + "\n  ".join(said or [answer.stderr])
            )


def uris() -> Iterator[str]:
    """The addresses in the machine's own sources of packages."""
    files = [SOURCES / "sources.list", *sorted((SOURCES / "sources.list.d").glob("*"))]
    for path in files:
        if not path.is_file():
            continue
        for line in path.read_text(errors="replace").splitlines():
            if path.suffix == ".sources":
                found = re.match(r"URIs:\s*(.+)", line)
                yield from found[1].split() if found else ()
            else:
                found = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)", line)
                yield from [found[1]] if found else []
