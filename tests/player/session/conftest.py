from __future__ import annotations

from pathlib import Path

import pytest

from player.session.session import Session
from tests.player.fakes import session_of, turn
from tests.player.session.shelf import Shelf


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def session(tmp_path: Path, shelf: Shelf) -> Session:
    made = session_of(tmp_path, open_renderer=shelf.find("critters").open, t=0.25, models=shelf)
    made.start()
    turn(made, 3)
    return made
