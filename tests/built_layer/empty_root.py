"""A root folder that holds only busybox and an unpacked layer, with AWS's emulator in it."""

import os
import platform
import shlex
import shutil
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme
from emulator import BINARY, Emulator

FUNCTION = Path(__file__).with_name("function") / "bootstrap"

# Lambda runs extensions and functions under a user of its own, "sbx_user1051" with this number.
SANDBOX_USER = 993
SANDBOX_GROUP = 990

MACHINES = {"x86_64": ("x86_64", "AMD64"), "arm64": ("aarch64", "arm64")}
QEMU = {"x86_64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static"}


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a layer as Lambda does, with the modes in the archive."""
    with zipfile.ZipFile(archive) as content:
        for entry in content.infolist():
            Path(content.extract(entry, folder)).chmod(entry.external_attr >> 16 & 0o777)


class EmptyRoot(Emulator):
    """The emulator in a root of its own under `folder`, the layer read-only at /opt.

    `authority` is in the file AUTHORITY. With `watched` the extension is started by a script that
    notes its exit status, of which the emulator says nothing; a layer for another machine needs
    such a script in any case, and is run by qemu-user. `unreadable` matches the path of a file in
    the layer that nobody may read.
    """

    AUTHORITY = "/etc/authority.pem"

    def __init__(
        self,
        folder: Path,
        archive: Path,
        architecture: str,
        environ: Mapping[str, str],
        authority: trustme.CA,
        watched: bool,
        unreadable: str | None = None,
    ) -> None:
        self._layer = folder / "layer"
        self._root = folder / "root"
        unpack(archive, self._layer)
        if unreadable is not None:
            [found] = self._layer.glob(unreadable)
            found.chmod(0)
        self._fill()
        authority.cert_pem.write_to_path(str(self._root) + self.AUTHORITY)
        self._qemu = self._runner(architecture)
        self._watched = watched or bool(self._qemu)
        super().__init__(self._command(), environ)

    def _fill(self) -> None:
        busybox = shutil.which("busybox")
        if busybox is None:
            pytest.skip("no busybox here (apt-get install busybox-static)")
        for name in ("bin", "dev", "etc", "layer", "opt", "proc", "tmp", "var/task"):
            (self._root / name).mkdir(parents=True)
        shutil.copy(busybox, self._root / "bin/busybox")
        for name in ("cat", "echo", "sed", "sh", "wget"):
            (self._root / "bin" / name).symlink_to("busybox")
        shutil.copy(BINARY, self._root / "bin/emulator")
        shutil.copy(FUNCTION, self._root / "var/task/bootstrap")
        (self._root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        for name in ("null", "urandom"):
            (self._root / "dev" / name).touch()
        (self._root / "tmp").chmod(0o777)
        folder = self._root
        while stat.S_IMODE(folder.stat().st_mode) & 0o005 != 0o005:  # pytest's own are private
            folder.chmod(0o755)
            folder = folder.parent

    def _runner(self, architecture: str) -> str:
        """What runs the layer's executable: nothing, or qemu-user."""
        if platform.machine() in MACHINES[architecture]:
            return ""
        qemu = shutil.which(QEMU[architecture])
        if qemu is None:
            pytest.skip(
                f"{architecture}: no {QEMU[architecture]} (apt-get install qemu-user-static)"
            )
        shutil.copy(qemu, self._root / "bin/qemu")
        # Its default model emulates pointer authentication, which takes six times as long.
        return "/bin/qemu -cpu neoverse-n1 -0 /opt/extensions/fastext"

    def _command(self) -> str:
        root, layer = shlex.quote(str(self._root)), shlex.quote(str(self._layer))
        user = f"--userspec={SANDBOX_USER}:{SANDBOX_GROUP}" if os.geteuid() == 0 else ""
        launcher = self._root / "bin/launcher"
        launcher.write_text(
            f"#!/bin/sh\n{self._qemu} /layer/extensions/fastext\necho $? > /tmp/status\n"
        )
        launcher.chmod(0o755)
        watch = f"mount --bind {root}/bin/launcher {root}/opt/extensions/fastext && "
        return (
            f"for name in layer opt; do mount --bind {layer} {root}/$name && "
            f"mount -o remount,bind,ro {root}/$name || exit 1; done && "
            f"{watch if self._watched else ''}"
            f"for name in null urandom; do mount --bind /dev/$name {root}/dev/$name; done && "
            f"mount -t proc proc {root}/proc && "
            f"exec chroot {user} {root} /bin/emulator %s /var/task/bootstrap"
        )

    @property
    def extension_status(self) -> int | None:
        path = self._root / "tmp/status"
        return int(path.read_text()) if path.exists() else None
