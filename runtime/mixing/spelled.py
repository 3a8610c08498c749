"""Words a model was never taught: its tokenizer has to spell them out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runtime.errors import RequestError
from runtime.mixing.tokens import Tokenizer

_SHORTEST = 4
_LETTERS_EACH = 2


def spelled_out(tokenizer: Tokenizer, prompt: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return (word, pieces) for each word of a prompt that falls into pieces of a letter or two.

    Words of four ASCII letters or more are looked at, whose pieces hold fewer than two letters on
    average. Other scripts are left alone: there a letter may well be three tokens.
    """
    tokens = tokenizer.tokens(prompt)
    found = []
    for match in re.finditer(rf"[A-Za-z]{{{_SHORTEST},}}", prompt):
        pieces = tuple(tokens.texts[row] for row in tokens.rows(*match.span()))
        if len(pieces) * _LETTERS_EACH > len(match[0]):
            found.append((match[0], pieces))
    return tuple(found)


def check_known(tokenizer: Tokenizer, prompts: Iterable[str]) -> None:
    """Refuse words that the model does not know: measuring them would tell nothing.

    Raises:
        RequestError: naming the first such word and what the model would read instead.
    """
    for prompt in prompts:
        for word, pieces in spelled_out(tokenizer, prompt):
            raise RequestError(
                f"this model does not know the word {word!r}: it would spell it "
                f"{'·'.join(pieces)}; use a word it was taught"
            )
