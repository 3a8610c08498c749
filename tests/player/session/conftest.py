from __future__ import annotations

from pathlib import Path

import pytest

from player.session.session import Session
from tests.player.fakes import refuse_fish, started, turn
from tests.player.session.shelf import Shelf


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def session(tmp_path: Path, shelf: Shelf) -> Session:
    """One that has the models of ``shelf`` and refuses fish."""
    draw = shelf.find("critters").open
    made = started(tmp_path, open_renderer=draw, t=0.25, models=shelf, check=refuse_fish)
    turn(made, 3)
    return made
