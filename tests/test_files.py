"""Files are replaced whole, privately, and nowhere else."""

import os
import stat

import pytest

from fastext.files import read_regular, write_whole


def test_a_file_is_written_for_its_owner_alone_with_its_folders(tmp_path):
    path = tmp_path / "a" / "b.json"
    old = os.umask(0)
    try:
        write_whole(str(path), b"content", str(tmp_path))
    finally:
        os.umask(old)
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_is_replaced_and_not_written_into(tmp_path):
    path = tmp_path / "copy"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_whole(str(path), b"new and longer", str(tmp_path))
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new and longer"
    assert [entry.name for entry in tmp_path.iterdir()] == ["copy"]


def test_a_link_is_replaced_and_not_followed(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"precious")
    (tmp_path / "copy").symlink_to(other)
    write_whole(str(tmp_path / "copy"), b"new", str(tmp_path))
    assert other.read_bytes() == b"precious"
    assert not (tmp_path / "copy").is_symlink()


def test_no_link_leads_out_of_the_root(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "way").symlink_to(outside)
    for path in (root / "way" / "x", root / "way" / "deeper" / "x"):
        with pytest.raises(PermissionError, match="leads out of"):
            write_whole(str(path), b"", str(root))
    assert list(outside.iterdir()) == []


def test_a_failure_leaves_nothing_behind(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(str(tmp_path / "folder"), b"x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_a_file_is_read_through_symbolic_links_up_to_a_size(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_regular(str(tmp_path / "link"), 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_regular(str(tmp_path / "file"), 4)


def test_neither_a_pipe_nor_a_device_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
            read_regular(str(path), 5)
