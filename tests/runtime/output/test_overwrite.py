from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import TargetError
from runtime.output.film import save_still
from runtime.output.overwrite import check_overwrite
from runtime.output.settings import settings_of
from runtime.request import Request

REQUEST = Request("cat -> kitten", t=0.25, seed=7)
MODEL = {"model": "drawings", "version": "1"}


def test_what_would_be_made_now_may_be_made_again(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    check_overwrite(str(path), settings_of(MODEL, REQUEST, "", frames=1), force=False)
    pixels = np.zeros((16, 16, 3), np.uint8)
    save_still(path, pixels, settings_of(MODEL, REQUEST, "wordmorph …", frames=1))
    check_overwrite(
        str(path), settings_of({"model": "drawings"}, REQUEST, "", frames=1), force=False
    )


@pytest.mark.parametrize("change", [{"seed": 8}, {"expression": "cat -> dog"}, {"frames": 2}])
def test_anything_else_is_kept_unless_force_is_given(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "a.png"
    recorded = settings_of(MODEL, REQUEST, "", frames=1)
    save_still(path, np.zeros((16, 16, 3), np.uint8), recorded)
    wanted = {"model": "drawings", **asdict(REQUEST), "frames": 1, **change}
    with pytest.raises(TargetError, match=r"exists already.*--force"):
        check_overwrite(str(path), wanted, force=False)
    check_overwrite(str(path), wanted, force=True)


@pytest.mark.parametrize("name", ["holiday.png", "film.mp4", "film.gif"])
def test_somebody_elses_file_is_kept(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"not ours")
    with pytest.raises(TargetError, match="--force"):
        check_overwrite(str(path), asdict(REQUEST), force=False)
