"""Random draws that can be had again."""

from __future__ import annotations

import os
import secrets


def draw_seed() -> int:
    """Return a seed of 32 bits that is new in every run, or the environment's TEST_SEED.

    It is printed, and pytest shows what a failed test printed.
    """
    seed = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
    print(f"TEST_SEED={seed}", flush=True)
    return seed
