from __future__ import annotations

import os
from pathlib import Path

from player.web.server.kept import MOST, Kept


def test_takes_are_offered_and_the_oldest_are_deleted(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    other = tmp_path / "cues.json"
    other.touch()
    for number in range(MOST + 3):
        path = tmp_path / f"{number}.take.json"
        path.touch()
        os.utime(path, (number, number))
        kept.look()
    names = [name for _, name in kept.to_json()]
    assert names == [f"{number}.take.json" for number in range(3, MOST + 3)]
    assert sorted(tmp_path.iterdir()) == sorted([other, *(tmp_path / name for name in names)])
