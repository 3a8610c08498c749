"""Other libraries' chatter, kept off the terminal."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings, logging below errors, and the loaders' progress bars; then restore."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    bars = [
        one for one in (diffusers_logging, transformers_logging) if one.is_progress_bar_enabled()
    ]
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    for one in bars:
        one.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
        for one in bars:
            one.enable_progress_bar()
