from __future__ import annotations

import errno
import os
import struct
import sys
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from runtime.errors import MorphError, TargetError
from runtime.output import film as film_module
from runtime.output import gif as gif_module
from runtime.output.film import open_film, read_settings, save_still
from runtime.perception.psnr import peak_signal_to_noise
from runtime.request import Request
from tests.support.child import run_code
from tests.support.drawn import animal, morph
from tests.support.seeds import draw_seed

Pixels = NDArray[np.uint8]
SETTINGS = {
    "expression": 'a "[cat]" -> Köttchen → 猫',
    "seed": 7,
    "edit_row": None,
    "command": "wordmorph render 'x'",
    "long": "y" * 2000,
}


def shots(count: int, size: tuple[int, int]) -> list[Pixels]:
    seed = draw_seed()
    request = Request("cat -> kitten", seed=seed)
    return [morph(request.at(i / max(1, count - 1)), size) for i in range(count)]


def write(path: Path | str, frames: list[Pixels], fps: float = 20) -> None:
    height, width = frames[0].shape[:2]
    with open_film(path, (width, height), fps, SETTINGS) as film:
        for pixels in frames:
            film.write(pixels)
        assert film.frames == len(frames)


def decode(path: Path) -> list[Pixels]:
    with av.open(str(path)) as container:
        return [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for frame in container.decode(video=0)
        ]


def test_mp4_of_400_frames_lasts_20_seconds_and_shows_every_frame(tmp_path: Path) -> None:
    path = tmp_path / "cat-kitten.mp4"
    frames = shots(400, (96, 64))
    write(path, frames)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == 20
        assert stream.average_rate == 20
        assert stream.start_time == 0
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        times = sorted(p.pts for p in container.demux(stream) if p.pts is not None)
        assert len(set(np.diff(times))) == 1
    decoded = decode(path)
    assert len(decoded) == 400
    assert min(peak_signal_to_noise(a, b) for a, b in zip(decoded, frames, strict=True)) > 30
    assert os.listdir(tmp_path) == ["cat-kitten.mp4"]
    head = path.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")  # plays while it downloads


def test_mp4_keeps_colours(tmp_path: Path) -> None:
    colours = np.array(
        [[255, 255, 255], [0, 0, 0], [220, 40, 40], [40, 180, 60], [50, 60, 200], [240, 200, 40]],
        np.uint8,
    )
    still = np.repeat(np.repeat(colours.reshape(2, 3, 3), 32, 0), 32, 1)
    path = tmp_path / "colours.mp4"
    write(path, [still] * 5)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
    middle = decode(path)[2][16::32, 16::32].astype(int)
    assert np.abs(middle - colours.reshape(2, 3, 3)).max() <= 4


@pytest.mark.parametrize("size", [(65, 48), (64, 47), (33, 31)])
def test_odd_sides_are_padded_by_a_repeated_edge(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = shots(6, size)
    write(tmp_path / "odd.mp4", frames)
    for got, sent in zip(decode(tmp_path / "odd.mp4"), frames, strict=True):
        height, width = sent.shape[:2]
        assert got.shape == (height + height % 2, width + width % 2, 3)
        assert peak_signal_to_noise(got[:height, :width], sent) > 30


@pytest.mark.parametrize(("fps", "count"), [(23.976, 48), (30, 7), (12.5, 10), (1, 2), (240, 9)])
def test_mp4_lasts_as_long_as_its_frames(tmp_path: Path, fps: float, count: int) -> None:
    write(tmp_path / "a.mp4", shots(count, (32, 32)), fps)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(count / fps, rel=1e-4)
        assert stream.frames == count


@pytest.mark.parametrize(("fps", "count"), [(20, 40), (30, 31), (50, 5), (15, 15)])
def test_gif_keeps_time_and_picture(tmp_path: Path, fps: float, count: int) -> None:
    frames = shots(count, (64, 48))
    write(tmp_path / "a.gif", frames, fps)
    total = 0
    with Image.open(tmp_path / "a.gif") as image:
        assert getattr(image, "n_frames") == count  # noqa: B009
        assert image.info["loop"] == 0
        for index, sent in enumerate(frames):
            image.seek(index)
            total += image.info["duration"]
            assert peak_signal_to_noise(np.asarray(image.convert("RGB")), sent) > 30
    assert total == pytest.approx(1000 * count / fps, abs=5)


def test_gif_of_few_colours_is_exact(tmp_path: Path) -> None:
    black = np.zeros((16, 24, 3), np.uint8)
    split = black.copy()
    split[:, 12:] = (250, 120, 0)
    write(tmp_path / "a.gif", [black, split])
    with Image.open(tmp_path / "a.gif") as image:
        assert (np.asarray(image.convert("RGB")) == black).all()
        image.seek(1)
        assert (np.asarray(image.convert("RGB")) == split).all()


@pytest.mark.parametrize("name", ["frames/", "frames"])
def test_folder_holds_the_exact_frames_in_order(tmp_path: Path, name: str) -> None:
    frames = shots(12, (40, 30))
    write(f"{tmp_path}/{name}", frames)
    files = sorted((tmp_path / "frames").iterdir())
    assert [file.name for file in files] == [f"{i:05d}.png" for i in range(12)]
    for file, sent in zip(files, frames, strict=True):
        assert (np.asarray(Image.open(file)) == sent).all()
    write(f"{tmp_path}/{name}", frames[:3])
    assert len(list((tmp_path / "frames").iterdir())) == 3
    assert os.listdir(tmp_path) == ["frames"]


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a/"])
def test_settings_come_back_from_the_metadata(tmp_path: Path, name: str) -> None:
    target = f"{tmp_path}/{name}"
    write(target, shots(3, (32, 32)))
    assert SETTINGS.items() <= read_settings(target).items()


def test_still_is_exact_and_carries_its_settings(tmp_path: Path) -> None:
    pixels = animal(64)
    save_still(tmp_path / "x.png", pixels, SETTINGS)
    assert (np.asarray(Image.open(tmp_path / "x.png")) == pixels).all()
    assert read_settings(tmp_path / "x.png") == SETTINGS


def test_reading_settings_of_other_files(tmp_path: Path) -> None:
    Image.fromarray(animal(32)).save(tmp_path / "other.png")
    (tmp_path / "text.mp4").write_text("not a film")
    for name in ("other.png", "text.mp4", "absent.gif", "."):
        with pytest.raises(MorphError, match=r"no settings|does not exist"):
            read_settings(tmp_path / name)


@pytest.mark.parametrize("name", ["deep.png", "deep.mp4", "deep.gif", "vast.png"])
def test_metadata_that_is_an_attack_is_a_line(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    if name == "vast.png":
        header = b"IHDR" + struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
        chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + bytes(4))
    else:
        monkeypatch.setattr(film_module, "to_text", lambda settings: "[" * 100_000)
        if name == "deep.png":
            save_still(path, animal(32), SETTINGS)
        else:
            write(str(path), shots(2, (32, 32)))
    with pytest.raises(MorphError, match=r"no settings|too large") as raised:
        read_settings(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a/"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_interruption_leaves_nothing(tmp_path: Path, name: str, error: type[BaseException]) -> None:
    def interrupted() -> None:
        with open_film(f"{tmp_path}/{name}", (32, 32), 20, SETTINGS) as film:
            for pixels in shots(5, (32, 32)):
                film.write(pixels)
            raise error

    with pytest.raises(error):
        interrupted()
    assert os.listdir(tmp_path) == []


def test_interruption_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write(path, shots(3, (32, 32)))
    before = path.read_bytes()

    def interrupted() -> None:
        with open_film(path, (32, 32), 20, SETTINGS) as film:
            film.write(shots(1, (32, 32))[0])
            assert path.read_bytes() == before
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == before
    write(path, shots(4, (32, 32)))
    assert len(decode(path)) == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no/such/a.mp4", "there is no folder"),
        ("a.avi", r"use \.mp4, \.gif"),
        ("a.png", "holds one picture"),
        ("taken/", "holds other things, such as notes.txt"),
        ("full.mp4", "it is a folder"),
        ("file/a.gif", "there is no folder"),
        ("file", "is a file"),
    ],
)
def test_targets_that_cannot_be(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    (tmp_path / "full.mp4").mkdir()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(TargetError, match=message) as caught:
        write(f"{tmp_path}/{name}", shots(2, (32, 32)))
    assert "\n" not in str(caught.value)
    assert (tmp_path / "taken" / "notes.txt").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["file", "full.mp4", "taken"]


@pytest.mark.parametrize("fps", [0, -1, 1e9, float("nan"), float("inf")])
def test_absurd_rates_are_refused(tmp_path: Path, fps: float) -> None:
    with pytest.raises(TargetError, match="frames per second"):
        write(tmp_path / "a.mp4", shots(2, (32, 32)), fps)
    with pytest.raises(TargetError, match=r"use \.mp4"):
        write(tmp_path / "a.gif", shots(2, (32, 32)), 60)
    assert os.listdir(tmp_path) == []


def test_no_frames_make_no_film(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.gif", "a/"):
        with (
            pytest.raises(TargetError, match="no frames"),
            open_film(f"{tmp_path}/{name}", (32, 32), 20, SETTINGS),
        ):
            pass
    assert os.listdir(tmp_path) == []


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="a frame is uint8"),
        open_film(tmp_path / "a.mp4", (32, 32), 20, SETTINGS) as film,
    ):
        film.write(animal(64))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.gif", "a/"])
def test_full_disk_is_one_line(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(gif_module, "write_frame", full)
    monkeypatch.setattr(film_module, "_save_png", full)
    with pytest.raises(TargetError, match=r"no space left for .*partial file was removed"):
        write(f"{tmp_path}/{name}", shots(2, (32, 32)))
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits file sizes the POSIX way")
@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a/"])
def test_a_disk_that_takes_no_more_bytes(tmp_path: Path, name: str) -> None:
    code = f"""
        import resource, signal
        import numpy as np
        from runtime.errors import TargetError
        from runtime.output.film import open_film
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        rng = np.random.default_rng(0)
        try:
            with open_film({f"{tmp_path}/{name}"!r}, (128, 128), 20, {{}}) as film:
                for _ in range(60):
                    film.write(rng.integers(0, 256, (128, 128, 3), dtype=np.uint8))
        except TargetError as error:
            print("TargetError:", error)
    """
    done = run_code(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("TargetError:"), done.stdout + done.stderr
    assert done.stdout.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_a_long_film_needs_the_memory_of_a_few_frames(tmp_path: Path) -> None:
    code = f"""
        import resource
        import numpy as np
        from runtime.output.film import open_film
        rng = np.random.default_rng(0)
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        for name in ("a.gif", "a.mp4"):
            with open_film({str(tmp_path)!r} + "/" + name, (512, 512), 20, {{}}) as film:
                for index in range(70):
                    film.write(np.full((512, 512, 3), index, np.uint8))
                    if index == 54:  # the encoder has filled its own buffers
                        warm = peak()
            assert peak() - warm < 20, (name, warm, peak())
    """
    if sys.platform == "win32":
        pytest.skip("reads the peak the POSIX way")
    done = run_code(code)
    assert done.returncode == 0, done.stderr
