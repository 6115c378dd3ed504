import errno
import os

import pytest

from onedepth.errors import OneDepthError
from onedepth.files.atomic import atomic_path, write_bytes


def test_the_file_appears_whole_and_alone(tmp_path):
    target = tmp_path / "a.glb"
    with atomic_path(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == ".glb"
        temporary.write_bytes(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.glb"]


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt()])
@pytest.mark.parametrize("older", [None, b"old"])
def test_a_failure_keeps_the_old_file_and_leaves_nothing(tmp_path, error, older):
    target = tmp_path / "a.png"
    if older:
        target.write_bytes(older)

    def fail():
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert os.listdir(tmp_path) == (["a.png"] if older else [])
    assert not older or target.read_bytes() == older


def test_a_full_disk_is_one_clear_line(tmp_path):
    target = tmp_path / "a.png"

    def fail():
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OneDepthError, match=r"a\.png: cannot be written \(No space left"):
        fail()
    assert os.listdir(tmp_path) == []


def test_impossible_targets_are_refused(tmp_path):
    with pytest.raises(OneDepthError, match="create it first"):
        write_bytes(tmp_path / "missing" / "a.png", b"x")
    with pytest.raises(OneDepthError, match="is a folder"):
        write_bytes(tmp_path, b"x")
    with pytest.raises(OneDepthError, match="cannot be written"), atomic_path(tmp_path / "never"):
        pass


def test_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_bytes(link, b"ne", b"w")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
