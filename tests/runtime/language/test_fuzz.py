"""Whatever is typed is read or refused in a line, within 50 ms, and what is read prints the same.

``WORDMORPH_FUZZ_SEED`` chooses other inputs; the seed is in the message of a failure.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.runtime.language.fuzz import check, text


def _fuzz(count: int) -> float:
    seed = int(os.environ.get("WORDMORPH_FUZZ_SEED", "12"))
    print(f"seed {seed}")
    rng = random.Random(seed)
    return max(check(text(rng)) for _ in range(count))


def test_three_thousand_inputs() -> None:
    _fuzz(3_000)


@pytest.mark.slow
def test_a_million_inputs() -> None:
    print(f"slowest {1e3 * _fuzz(1_000_000):.1f} ms")
