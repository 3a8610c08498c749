"""What was measured stays, whatever happens to the file and to whoever writes it."""

from __future__ import annotations

import os
import random
import re
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from runtime import durable
from runtime.errors import TargetError
from runtime.language.line import Line
from runtime.output import measurements
from runtime.output.measurements import Measurements, key_of, subject_of
from runtime.perception.charting.atlas import LineJob, Measurement
from runtime.request import Request
from tests.support.seeds import draw_seed

SETTINGS = {
    "model": "drawings",
    "digest": "d1" * 32,
    "width": 48,
    "height": 32,
    "engine": "drawn",
    "precision": "f32",
    "version": "1",
    "device": "paper",
    "library": "1.0",
}
FOUND = Measurement(1 / 3, 0.1, 0.9, 0.06, ((0.1, 0.2, 0.05),), ((0.7, 0.03),), ())
ROOT = Path(__file__).parents[3]


def subject(seed: int = 0, frames: int = 51, text: str = "cat -> kitten") -> dict[str, object]:
    return subject_of(SETTINGS, LineJob(Line(Request(text, seed=seed), "t"), frames))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "atlas.sqlite"


def has_small_disks() -> bool:
    try:
        words = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def opened(path: Path) -> tuple[Measurements, list[str]]:
    message: list[str] = []
    return Measurements(path, message.append), message


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "atlas.sqlite"
    store, message = opened(path)
    with store:
        assert store.get(subject()) is None
        store.keep(subject(), FOUND)
        store.keep(subject(), FOUND)
    with opened(path)[0] as again:
        assert again.get(subject()) == FOUND
        assert again.get(subject(1)) is None
    assert message == []


def test_all_that_decides_a_measurement_is_in_its_key() -> None:
    job = LineJob(Line(Request("cat -> kitten"), "t"), 51)
    keys = {
        key_of(subject_of(SETTINGS, job)),
        *(key_of(subject(*change)) for change in ((1,), (0, 52), (0, 51, "cat -> dog"))),
        *(
            key_of(subject_of({**SETTINGS, name: value}, job))
            for name, value in (
                ("digest", "e2"),
                ("engine", "tensorrt"),
                ("precision", "bf16"),
                ("device", "another GPU"),
                ("library", "2.0"),
            )
        ),
    }
    assert len(keys) == 9
    same = LineJob(Line(Request("cat -> kitten", t=0.7), "t"), 51)
    assert key_of(subject_of(SETTINGS, same)) == key_of(subject())
    renamed = {**SETTINGS, "model": "a copy"}
    assert key_of(subject_of(renamed, job)) == key_of(subject())


@pytest.mark.parametrize("harm", ["text", "torn", "middle", "journal"])
def test_a_damaged_file_is_set_aside_and_said(tmp_path: Path, path: Path, harm: str) -> None:
    with opened(path)[0] as store:
        for seed in range(200):
            store.keep(subject(seed), FOUND)
    whole = path.read_bytes()
    if harm == "text":
        path.write_text("no database at all\n" * 100)
    elif harm == "torn":
        path.write_bytes(whole[: len(whole) // 2 + 100])
    else:
        path.write_bytes(whole[:5000] + b"\xff" * 9000 + whole[14000:])
    if harm == "journal":
        Path(f"{path}-journal").write_bytes(b"\0" * 512)
    harmed = path.read_bytes()
    store, message = opened(path)
    with store:
        assert store.get(subject()) is None
        store.keep(subject(), FOUND)
        assert store.get(subject()) == FOUND
    (line,) = message
    assert "damaged" in line
    assert "atlas.damaged-1.sqlite" in line
    assert (tmp_path / "atlas.damaged-1.sqlite").read_bytes() == harmed
    path.write_text("again\n" * 1000)
    store, message = opened(path)
    store.close()
    assert "atlas.damaged-2.sqlite" in message[0]


def test_a_damaged_file_that_a_virus_scanner_holds_is_set_aside_once_it_lets_go(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("no database at all\n" * 100)
    held, replace = [1, 2], os.replace

    def scanned(source: Path, target: Path) -> None:
        if held:
            held.pop()
            raise PermissionError(13, "used by another process")
        replace(source, target)

    monkeypatch.setattr(durable, "WINDOWS", True)
    monkeypatch.setattr(os, "replace", scanned)
    store, message = opened(path)
    store.close()
    assert "set aside" in message[0]


def test_of_two_programs_that_see_the_damage_one_sets_it_aside(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("no database at all\n" * 100)
    open_file = measurements._open

    def slowly(path: Path) -> sqlite3.Connection:
        """See the damage, and let another program be faster."""
        monkeypatch.setattr(measurements, "_open", open_file)
        try:
            return open_file(path)
        except sqlite3.DatabaseError:
            with opened(path)[0] as other:
                other.keep(subject(), FOUND)
            raise

    monkeypatch.setattr(measurements, "_open", slowly)
    store, message = opened(path)
    with store:
        assert store.get(subject()) == FOUND
    assert message == []
    assert len(list(tmp_path.glob("*.damaged-*"))) == 1


def test_damage_of_any_kind_is_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite adds to its code what is damaged: an index, a row."""
    opened(path)[0].close()
    open_file, seen = measurements._open, 0

    def damaged(path: Path) -> sqlite3.Connection:
        nonlocal seen
        seen += 1
        if seen > 2:
            return open_file(path)
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT_INDEX
        raise error

    monkeypatch.setattr(measurements, "_open", damaged)
    store, message = opened(path)
    store.close()
    assert "set aside" in message[0]


def test_a_bit_that_flips_anywhere_costs_what_it_hit_and_nothing_else(path: Path) -> None:
    """What is read is right or measured anew; only the two marks of whose it is are believed."""
    with opened(path)[0] as store:
        for seed in range(3):
            store.keep(subject(seed), FOUND)
    whole = path.read_bytes()
    used = [place for place, byte in enumerate(whole) if byte]
    draws = np.random.default_rng(draw_seed())
    schema = whole.find(b"CREATE TABLE")
    chosen = [
        18,
        19,
        45,
        47,
        schema - 2,
        schema + 8,
        whole.find(b"found TEXT"),
        whole.find(b"path"),
    ]
    for place in [*chosen, *draws.choice(used, 150).tolist()]:
        bit = 7 if place in chosen else int(draws.integers(8))
        harmed = bytearray(whole)
        harmed[place] ^= 1 << bit
        path.write_bytes(harmed)
        try:
            store, _ = opened(path)
        except TargetError as error:
            told = str(error)
        else:
            told = ""
        if told:
            assert re.search("another program|of format", told), (place, bit)
            continue
        with store:
            for seed in range(3):
                assert store.get(subject(seed)) in (FOUND, None), (place, bit)
                store.keep(subject(seed), FOUND)
                assert store.get(subject(seed)) == FOUND, (place, bit)


def test_a_row_that_was_altered_counts_as_not_measured(path: Path) -> None:
    with opened(path)[0] as store:
        store.keep(subject(), FOUND)
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE measurements SET found = replace(found, '0.1', '0.2')")
    raw.close()
    with opened(path)[0] as store:
        assert store.get(subject()) is None


def test_what_is_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.sqlite"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE photos (name TEXT)")
    raw.close()
    before = path.read_bytes()
    newer = tmp_path / "newer.sqlite"
    opened(newer)[0].close()
    with sqlite3.connect(newer) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    for place, says in (
        (path, "another program"),
        (newer, "format 99"),
        (tmp_path / "notes.txt", "sqlite"),
        (tmp_path, "sqlite"),
    ):
        with pytest.raises(TargetError, match=says) as error:
            opened(place)
        assert "\n" not in str(error.value)
    assert path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["newer.sqlite", "theirs.sqlite"]


@pytest.mark.fault(7)
def test_a_full_file_is_a_line_and_loses_nothing(path: Path) -> None:
    """SQLite says of a bound on a file's pages what it says of a full disk."""
    store, _ = opened(path)
    store._connection.execute("PRAGMA max_page_count = 20")
    kept: list[int] = []

    def fill() -> None:
        for number in range(1000):
            store.keep(subject(number), FOUND)
            kept.append(number)

    with store, pytest.raises(TargetError, match=r"no space left for .*: free some and run"):
        fill()
    assert 10 < len(kept) < 1000
    with opened(path)[0] as store:
        assert all(store.get(subject(number)) == FOUND for number in kept)


@pytest.mark.skipif(not has_small_disks(), reason="needs a mount of its own: unshare -rm")
@pytest.mark.fault(7)
def test_a_full_disk_is_a_line_and_loses_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from runtime.errors import TargetError\n"
        "from tests.runtime.output.test_measurements import FOUND, opened, subject\n"
        "path = Path(sys.argv[1]) / 'atlas.sqlite'\n"
        "store, _ = opened(path)\n"
        "try:\n"
        "    for seed in range(10_000):\n"
        "        store.keep(subject(seed), FOUND)\n"
        "except TargetError as error:\n"
        "    print(error)\n"
        "store.close()\n"
        "store, said = opened(path)\n"
        "assert not said, said\n"
        "print(seed, all(store.get(subject(known)) == FOUND for known in range(seed)))\n"
    )
    script = 'mount -t tmpfs -o size=200k none "$1" && "$2" -c "$3" "$1"'
    words = ["unshare", "-rm", "sh", "-c", script, "sh", str(tmp_path), sys.executable, code]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    line, verdict = ran.stdout.splitlines()
    assert line.startswith(f"no space left for {tmp_path}/atlas.sqlite: free some and run")
    count, whole = verdict.split()
    assert int(count) > 10
    assert whole == "True"


@pytest.mark.skipif(sys.platform == "win32", reason="kills the POSIX way")
def test_a_killed_writer_loses_one_measurement_at_most(path: Path) -> None:
    seed = draw_seed()
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.runtime.output.test_measurements import FOUND, opened, subject\n"
        "store, _ = opened(Path(sys.argv[1]))\n"
        "for seed in range(100_000):\n"
        "    store.keep(subject(seed), FOUND)\n"
        "    print(seed, flush=True)\n"
    )
    words = [sys.executable, "-c", code, str(path)]
    child = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(random.Random(seed).uniform(0.05, 0.3))
    child.kill()
    last = int(child.stdout.read().split()[-1])
    child.wait()
    child.stdout.close()
    store, message = opened(path)
    with store:
        assert message == []
        assert all(store.get(subject(number)) == FOUND for number in range(last + 1))
        assert store.get(subject(last + 2)) is None


def test_two_writers_share_a_file(path: Path) -> None:
    errors: list[BaseException] = []

    def write(first: int) -> None:
        try:
            with opened(path)[0] as store:
                for seed in range(first, first + 30):
                    store.keep(subject(seed), FOUND)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(30 * number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with opened(path)[0] as store:
        assert all(store.get(subject(seed)) == FOUND for seed in range(90))
