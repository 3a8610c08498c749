from __future__ import annotations

from pathlib import Path

import pytest

from player.session.session import Session
from tests.player.fakes import refuse_fish, session_of, turn
from tests.player.session.shelf import Shelf


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def session(tmp_path: Path, shelf: Shelf) -> Session:
    """One that has the models of ``shelf`` and refuses fish."""
    draw = shelf.find("critters").open
    made = session_of(tmp_path, open_renderer=draw, t=0.25, models=shelf, check=refuse_fish)
    made.start()
    turn(made, 3)
    return made
