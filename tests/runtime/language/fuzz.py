"""Inputs for the language: some grow from its grammar, some are bent, some are only characters."""

from __future__ import annotations

import random
import time

from runtime.errors import ExpressionError
from runtime.language.expression import Expression, _parse, parse

SLOWEST = 0.05
"""seconds of this thread that one input may take"""
_TYPED = (
    "cat,kitten,tabby,3,24,f,85mm,yacht's,t-shirt,and/or,日本,🐱,é,AND,to,from,50%,x2,1e3,(a),open,"
    "1.8,a.b,...,…,don't,ß,lora"
)
_WORDS = tuple(_TYPED.split(","))
_MARKS = (
    "-> → - + * / | .. ( ) [ ] { } < > \" ' \\ : :: , ; = => -- ++ – — − “ ” ‘ % & # @ ~ ^ ! ? . "
    ".... … ⇒ ↔ \0 \t \n \u00a0 \u2028 0 1 7 .5 1,5 3/7 1e999 -0.0 "
)
_SIGNS = tuple(_MARKS.split(" "))
_ANY = "ab [](){}|*+-/.\\\":<>1,#→–'%= \t\n"


def text(rng: random.Random) -> str:
    """Return one input."""
    kind = rng.random()
    if kind < 0.45:
        return _expression(rng)
    if kind < 0.70:
        return _bent(rng, _expression(rng))
    if kind < 0.85:
        signs = (rng.choice(_SIGNS if rng.random() < 0.5 else _WORDS) for _ in range(_count(rng)))
        return rng.choice(("", " ")).join(signs)
    if kind < 0.98:
        return "".join(_character(rng) for _ in range(_count(rng)))
    return _long(rng)


def check(given: str) -> float:
    """Parse one input as a user would meet it; return the seconds it took.

    Raises:
        AssertionError: a foreign exception, a refusal without its place, text that does not read
            back, or more than SLOWEST.
    """
    expression, refusal, took = _read(given)
    if refusal is not None:
        assert 0 <= refusal.column <= len(refusal.text), given
        assert str(refusal), given
        assert "\n" not in str(refusal), given
    else:
        again, refusal, _ = _read(str(expression))
        assert refusal is None, f"{given!r} prints {str(expression)!r}: {refusal}"
        assert again == expression, f"{given!r} prints {str(expression)!r}"
        assert str(again) == str(expression), given
    for _ in range(4):  # a page fault, the collector or a neighbour's work may have come between
        if took > SLOWEST:
            took = min(took, _read(given)[2])
    assert took <= SLOWEST, f"{took:.3f} s for {given!r}"
    return took


def _read(given: str) -> tuple[Expression | None, ExpressionError | None, float]:
    """Parse and print without the cache: (expression, refusal, seconds of this thread)."""
    _parse.cache_clear()
    start = time.thread_time()
    try:
        expression = parse(given)
        str(expression)
    except ExpressionError as error:
        return None, error, time.thread_time() - start
    except Exception as error:
        raise AssertionError(f"{given!r} ends in {error!r}") from error
    return expression, None, time.thread_time() - start


def _expression(rng: random.Random) -> str:
    if rng.random() < 0.6:
        return _morph(rng)
    parts = [_phrase(rng) if rng.random() < 0.8 else ""]
    for _ in range(rng.randrange(1, 4)):
        parts += [f"[{_morph(rng)}]", rng.choice(("", " ", " on a ", ", ", _phrase(rng)))]
    return rng.choice(("", " ")).join(parts)


def _morph(rng: random.Random) -> str:
    arrow = rng.choice((" -> ", "->", " → ", "→", " ->"))
    morph = arrow.join(_sum(rng, 2) for _ in range(rng.randrange(1, 4)))
    if rng.random() < 0.3:
        morph += (
            f"{rng.choice((' | ', '|'))}{_sum(rng, 1)}{rng.choice((' .. ', '..'))}{_sum(rng, 1)}"
        )
    return morph


def _sum(rng: random.Random, depth: int) -> str:
    text = _product(rng, depth)
    while rng.random() < 0.3:
        text += rng.choice((" + ", " - ")) + _product(rng, depth)
    return text


def _product(rng: random.Random, depth: int) -> str:
    text = _atom(rng, depth)
    if rng.random() < 0.35:
        text = f"{_number(rng)}{rng.choice(('*', ' * '))}{text}"
    if rng.random() < 0.2:
        text += rng.choice(("/", " / ", "*", "/-")) + _number(rng)
    return rng.choice(("", "", "", "-", "+")) + text


def _atom(rng: random.Random, depth: int) -> str:
    if depth and rng.random() < 0.2:
        return f"({_sum(rng, depth - 1)})"
    return _phrase(rng)


def _phrase(rng: random.Random) -> str:
    words = " ".join(rng.choice(_WORDS) for _ in range(rng.randrange(1, 4)))
    if rng.random() < 0.15:
        inside = words + rng.choice(("", " -> ", " + ", '\\"', "]", "{"))
        return f'"{inside}"'
    return words


def _number(rng: random.Random) -> str:
    return rng.choice(("0.43", "3/7", "2", ".5", "1e-3", "(1 - 3/4)", "0", "1e30", "7" * 9))


def _long(rng: random.Random) -> str:
    """Return up to 2,100 characters that say the same again and again."""
    size = rng.randrange(100, 2101)
    kind = rng.randrange(5)
    if kind == 0:
        join = rng.choice((" + ", " - ", "->", " → ", "*", "/", " | ", ".."))
        piece = rng.choice(("a", "2*a", "-a", "cat", _phrase(rng))) + join
        whole = (piece * size)[:size].removesuffix(join)
    elif kind == 1:
        count = size // 2
        opening, closing = rng.choice((("(", ")"), ("-", ""), ("[", "]"), ("{", "}"), ('"', '"')))
        whole = opening * (count // 2) + (_sum(rng, 2) + " + ") * (count // 20) + "a"
        whole += closing * (count // 2)
    elif kind == 2:
        whole = f"[{_morph(rng)}]" * 400
    elif kind == 3:
        whole = "".join(rng.choice(_SIGNS) * rng.randrange(1, 900) for _ in range(3))
    else:
        whole = (_bent(rng, _expression(rng)) + rng.choice(("", " "))) * 60
    return whole[:size] if rng.random() < 0.8 else _bent(rng, whole[:size])


def _bent(rng: random.Random, text: str) -> str:
    for _ in range(rng.randrange(1, 4)):
        at, end = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        kind = rng.random()
        if kind < 0.4:
            text = text[:at] + rng.choice(_SIGNS) + text[at:]
        elif kind < 0.6:
            text = text[:at] + text[min(at + 3, end) :]
        elif kind < 0.8:
            text = text[:at] + text[at:end] * 2 + text[end:]
        else:
            text = text[:at] + _character(rng) + text[at:]
    return text


def _character(rng: random.Random) -> str:
    if rng.random() < 0.8:
        return rng.choice(_ANY)
    return chr(
        rng.choice((rng.randrange(0x250), rng.randrange(0x2000, 0x2C00), rng.randrange(0x110000)))
    )


def _count(rng: random.Random) -> int:
    return rng.randrange(1, 12) if rng.random() < 0.9 else rng.randrange(1, 120)
