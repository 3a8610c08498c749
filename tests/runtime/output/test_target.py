"""Where pictures and films go: the right place or one line, and nothing lost on the way."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.durable import fsync
from runtime.errors import TargetError
from runtime.output.film import open_film
from runtime.output.target import being_written, check_target, staged

ONE = np.full((32, 32, 3), 90, np.uint8)
posix = pytest.mark.skipif(sys.platform == "win32", reason="links and modes the POSIX way")


def write(target: Path | str, count: int) -> None:
    with open_film(target, (32, 32), 20, {}) as film:
        for _ in range(count):
            film.write(ONE)


@posix
@pytest.mark.parametrize("kind", ["folder", "file", "nothing", "fifo"])
@pytest.mark.parametrize("name", ["there", "there.gif", "there.mp4"])
def test_links_and_pipes_are_refused_and_stay(tmp_path: Path, kind: str, name: str) -> None:
    place, real = tmp_path / name, tmp_path / "real"
    if kind == "fifo":
        if sys.platform != "win32":
            os.mkfifo(place)
    else:
        place.symlink_to(real)
        if kind == "folder":
            real.mkdir()
        elif kind == "file":
            real.write_text("mine")
    before = os.lstat(place)
    with pytest.raises(TargetError, match=r"is a (link|pipe)") as caught:
        write(place, 2)
    assert "\n" not in str(caught.value)
    after = os.lstat(place)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert not real.is_file() or real.read_text() == "mine"


@posix
def test_a_device_is_refused() -> None:
    with pytest.raises(TargetError, match="is a device"):
        check_target(os.devnull)


def test_a_folder_of_our_frames_is_replaced(tmp_path: Path) -> None:
    for count in (3, 2):
        write(f"{tmp_path}/frames/", count)
        assert sorted(os.listdir(tmp_path / "frames")) == [f"{i:05d}.png" for i in range(count)]


@pytest.mark.parametrize("ours", [0, 3])
def test_numbered_pictures_of_somebody_else_are_not_deleted(tmp_path: Path, ours: int) -> None:
    folder = tmp_path / "photos"
    if ours:
        write(folder, ours)
    else:
        folder.mkdir()
    for index in range(ours, 6):
        Image.fromarray(ONE + index).save(folder / f"{index:05d}.png")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(TargetError, match=f"holds other things, such as {ours:05d}.png"):
        write(folder, 2)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_picture_put_into_the_folder_meanwhile_stays(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    write(folder, 2)

    def render() -> None:
        with open_film(folder, (32, 32), 20, {}) as film:
            film.write(ONE)
            Image.fromarray(ONE).save(folder / "00007.png")

    with pytest.raises(TargetError, match=r"such as 00007.png"):
        render()
    assert sorted(os.listdir(folder)) == ["00000.png", "00001.png", "00007.png"]


def test_the_old_folder_comes_back_when_the_new_one_cannot_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f"{tmp_path}/frames/", 3)
    replace = os.replace

    def refuse(source: Path, target: Path) -> None:
        if Path(source).name.endswith(".partial"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(TargetError, match="frames cannot be written: Permission denied"):
        write(f"{tmp_path}/frames/", 2)
    assert len(os.listdir(tmp_path / "frames")) == 3
    assert os.listdir(tmp_path) == ["frames"]


@pytest.mark.parametrize("name", [".", "./", "", "..", "../", "/", "here/.."])
def test_a_target_without_a_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "00000.png").touch()
    with pytest.raises(TargetError, match=r"no name of its own.*such as frames/") as caught:
        check_target(name)
    assert "\n" not in str(caught.value)


def test_the_current_folder_by_its_full_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TargetError, match="no name of its own"):
        check_target(str(tmp_path))


def test_what_a_dead_render_of_the_same_pid_left_is_not_in_the_way(tmp_path: Path) -> None:
    """In a container every render is process 1."""
    (tmp_path / f".a.gif.{os.getpid()}.partial").touch()
    (tmp_path / f".a.{os.getpid()}.partial").mkdir()
    write(tmp_path / "a.gif", 1)
    write(f"{tmp_path}/a/", 1)
    assert (tmp_path / "a.gif").is_file()
    assert (tmp_path / "a" / "00000.png").is_file()


def test_what_is_being_written_is_known_by_its_target(tmp_path: Path) -> None:
    with staged(tmp_path / "a[1].png", folder=False):
        assert being_written(tmp_path / "a[1].png")
        assert not being_written(tmp_path / "a1.png")
    assert not being_written(tmp_path / "a[1].png")


@posix
def test_what_is_written_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write(tmp_path / "a.gif", 1)
        write(f"{tmp_path}/a/", 1)
    finally:
        os.umask(old)
    assert (tmp_path / "a.gif").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o750


def test_a_full_disk_elsewhere_is_not_laid_at_the_targets_door(tmp_path: Path) -> None:
    def spool() -> None:
        with open_film(tmp_path / "a.gif", (32, 32), 20, {}) as film:
            film.write(ONE)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(TargetError, match=r"was not written: .*temporary files go to") as caught:
        spool()
    assert "no space left for" not in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_files_are_flushed_through_a_descriptor_that_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows refuses any other."""
    if sys.platform == "win32":
        pytest.skip("asks for the mode the POSIX way")
    import fcntl

    modes = []

    def look(descriptor: int) -> None:
        modes.append(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE)

    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "fsync", look)
    fsync(tmp_path / "file")
    fsync(tmp_path)
    assert modes == [os.O_RDWR, os.O_RDONLY]
