import contextlib
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runtime.errors import ExpressionError
from runtime.language.expression import AxisEnds, Expression, Morph, Term, parse, slot_expression

LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORD = st.sampled_from(["cat", "t-shirt", "new york", "日本", "🐱", "3 cats", "2024", "cat's"])
ANY_TEXT = st.text(
    st.one_of(st.sampled_from('ab [](){}|*+-/.\\":<>1,#'), st.characters(codec="utf-8")),
    max_size=12,
)
PHRASE = st.one_of(WORD, ANY_TEXT).map(lambda text: " ".join(text.split()))
WEIGHT = st.one_of(
    st.sampled_from([1.0, -1.0, 3 / 7, -2 / 3, 0.43, 0.0]),
    st.floats(-1e30, 1e30, allow_nan=False).map(lambda weight: weight + 0.0),
)
TERM = st.builds(Term, WEIGHT, PHRASE)
SUM = st.lists(TERM, min_size=1, max_size=3).map(tuple)
MORPH = st.builds(
    Morph,
    st.lists(SUM, min_size=1, max_size=3).map(tuple),
    st.none() | st.builds(AxisEnds, SUM, SUM),
)


@st.composite
def expressions(draw: st.DrawFn) -> Expression:
    if draw(st.booleans()):
        return Expression((), (draw(MORPH),), whole=True)
    morphs = draw(st.lists(MORPH, min_size=1, max_size=3))
    texts = [" " + draw(PHRASE) + " " for _ in range(len(morphs) + 1)]
    texts = [text if text.strip() else " " for text in texts]
    texts[0], texts[-1] = texts[0].lstrip(), texts[-1].rstrip()
    return Expression(tuple(texts), tuple(morphs), whole=False)


def sums(text: str) -> list[dict[str, float]]:
    """Each sum of a whole-prompt expression as phrase → weight."""
    expression = parse(text)
    assert expression.whole
    return [{term.phrase: term.weight for term in terms} for terms in expression.morphs[0].sums()]


@LAW
@given(expressions())
@example(Expression((), (Morph(((Term(1234567.0, "cat"),),)),), whole=True))
@example(Expression(("", ""), (Morph(((Term(1.0, "cat"),),)),), whole=False))
def test_printing_and_parsing_gives_the_same_morph(expression: Expression) -> None:
    assert parse(str(expression)) == expression
    assert str(parse(str(expression))) == str(expression)


@LAW
@given(ANY_TEXT)
def test_any_text_is_either_read_or_refused_with_a_place(text: str) -> None:
    try:
        expression = parse(text)
    except ExpressionError as error:
        refusal = error
    else:
        assert parse(str(expression)) == expression
        return
    assert 0 <= refusal.column <= len(refusal.text)
    assert str(refusal)
    assert "\n" not in str(refusal)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("cat", [{"cat": 1}]),
        ("a photo of a cat, 4k", [{"a photo of a cat, 4k": 1}]),
        ("a t-shirt and/or 3 cats", [{"a t-shirt and/or 3 cats": 1}]),
        ("a white cat -> a black dog", [{"a white cat": 1}, {"a black dog": 1}]),
        ("cat->kitten ->tiger", [{"cat": 1}, {"kitten": 1}, {"tiger": 1}]),
        ('"new york" -> "old -> york"', [{"new york": 1}, {"old -> york": 1}]),
        ("cat + 0.43*tabby", [{"cat": 1, "tabby": 0.43}]),
        ("cat - 3/7*tabby", [{"cat": 1, "tabby": -3 / 7}]),
        ("tabby*3/7", [{"tabby": 3 / 7}]),
        ("tabby / 4", [{"tabby": 0.25}]),
        ("-tabby", [{"tabby": -1}]),
        ("-(cat - 2 * (dog + cow*.5))", [{"cat": -1, "dog": 2, "cow": 1}]),
        ("(cat + kitten)/2 - tabby/4", [{"cat": 0.5, "kitten": 0.5, "tabby": -0.25}]),
        ("(1 - 3/4)*cat", [{"cat": 0.25}]),
        ("1e-2*cat", [{"cat": 0.01}]),
        ("cat | -3/7*tabby .. +3/7*tabby", [{"cat": 1}, {"tabby": -3 / 7}, {"tabby": 3 / 7}]),
        ("cat -> kitten | a..b", [{"cat": 1}, {"kitten": 1}, {"a": 1}, {"b": 1}]),
        ("2024 -> 2025", [{"2024": 1}, {"2025": 1}]),
        (r"\[cat\] \-> \"x\"", [{'[cat] -> "x"': 1}]),
        ('a sign saying "stay - here" now', [{'a sign saying "stay - here" now': 1}]),
        ('"" -> cat', [{"": 1}, {"cat": 1}]),
        ('5" screen -> cat...', [{'5" screen': 1}, {"cat...": 1}]),
        ("f/1.8 lens at 12:30", [{"f/1.8 lens at 12:30": 1}]),
        ("portrait, 85mm, f/1.8", [{"portrait, 85mm, f/1.8": 1}]),
        ("open 24/7 -> f/1.8", [{"open 24/7": 1}, {"f/1.8": 1}]),
        ("open 24 / 7", [{"open 24": 1 / 7}]),
        ("cat - tabby/-4", [{"cat": 1, "tabby": 0.25}]),
        ("(new york)/2", [{"new york": 0.5}]),
        ('"new york"/2', [{"new york": 0.5}]),
        ("cat → kitten→tiger", [{"cat": 1}, {"kitten": 1}, {"tiger": 1}]),
        ("100% cotton -> art–deco", [{"100% cotton": 1}, {"art–deco": 1}]),
        ("SALT AND PEPPER", [{"SALT AND PEPPER": 1}]),
        ("cat’s eye -> rock 'n' roll", [{"cat’s eye": 1}, {"rock 'n' roll": 1}]),
        (r"\{a\} \→ \“b\” \– \>", [{"{a} → “b” – >": 1}]),
    ],
)
def test_meaning(text: str, meaning: list[dict[str, float]]) -> None:
    assert sums(text) == meaning


def test_what_took_minutes_takes_no_time() -> None:
    for text in ("a" * 300 + "-" * 700 + "!", "a-" * 990 + "++x", "a:" + "1" * 1900 + "x"):
        start = time.thread_time()
        with contextlib.suppress(ExpressionError):
            parse(text)
        assert time.thread_time() - start < 0.05, text[:9]
    with pytest.raises(ExpressionError, match="5001 characters are too many"):
        parse("a" * 833 + "-" * 4166 + " !")


def test_slots_stand_between_the_pieces_of_the_sentence() -> None:
    expression = parse("a [cat -> kitten | -tabby .. +tabby] on \\[the\\] [sofa + 0.5*bed]!")
    assert not expression.whole
    assert expression.texts == ("a ", " on [the] ", "!")
    assert [len(morph.stations) for morph in expression.morphs] == [2, 1]
    assert expression.morphs[0].axis == AxisEnds((Term(-1.0, "tabby"),), (Term(1.0, "tabby"),))
    assert expression.moves
    assert expression.has_axis


def test_a_prompt_without_operators_stands_still() -> None:
    assert not parse("a photo of a cat").moves


def test_equal_expressions_hash_alike() -> None:
    assert len({parse("cat  ->   kitten"), parse('cat->"kitten"')}) == 1


@pytest.mark.parametrize(
    ("text", "column", "fix"),
    [
        ("", 0, "cat -> kitten"),
        ("  \n", 0, "cat -> kitten"),
        ("cat ->", 6, "missing after ->"),
        ("-> cat", 0, "nothing stands before ->"),
        ("cat -> -> dog", 7, "missing between -> and ->"),
        ("cat + ", 5, r"missing after \+"),
        ("cat -dog", 4, "space after -"),
        ("cat+dog", 3, r"cat \+ kitten"),
        ("cat + 0.5 tabby", 6, r"0\.5\*tabby"),
        ("cat + 2", 6, 'quote it, as in "2"'),
        ("cat*dog", 3, r"0\.43\*tabby"),
        ("3/7 cats", 2, r"3/7\*tabby"),
        ("2(cat)", 1, "operator must stand before"),
        ("(cat + dog", 0, r"never closed: add a \)"),
        ("(cat -> dog)", 5, "cannot stand inside"),
        ("cat)", 3, "closes nothing"),
        ('"cat -> dog', 0, "never closed"),
        ("a [cat -> dog", 2, r"never closed: add a \]"),
        ("a cat] b", 5, "closes nothing"),
        ("a [(cat -> dog] b", 8, "cannot stand inside"),
        ("a [(cat + dog] b", 13, "never closed"),
        ("a [] b", 3, "missing between"),
        ("[cat -> [dog -> x]]", 8, "cannot hold another slot"),
        ("cat | dog", 9, r"from \.\. to"),
        ("cat | a .. b | c .. d", 13, "one |"),
        ("cat | a .. b -> c", 13, "before the |"),
        ("cat .. dog", 4, "second axis"),
        ("a [cat -> dog] -> b", 15, r"inside \[ \]"),
        ("a [cat -> dog] | b .. c", 15, r"inside \[ \]"),
        ("a [cat -> dog] - art", 15, r"\\-"),
        ("1e999*cat", 0, "not finite"),
        ("cat -> 1e30*10*dog", 7, "not finite"),
        ("cat/0", 4, "division by zero"),
        ("cat -> 0/0*dog", 9, "division by zero"),
        ("cat -> \ud800", 7, "not valid text"),
        ("cat " * 2000, 0, "8000 characters are too many"),
        ("2*(" + "cat + " * 300 + "dog)", 0, "written out, this has"),
        ("cat => dog", 4, "the arrow ->"),
        ("cat - > dog", 4, "the arrow ->"),
        ("cat --> dog", 4, "the arrow ->"),
        ("cat > dog", 4, "write cat -> kitten"),
        ("cat <- dog", 4, "from left to right"),
        ("cat ⇒ dog", 4, "the arrow ->"),
        ("{cat -> kitten}", 0, r"write \[cat -> kitten\]"),
        ("a {cat|dog} here", 2, r"write \[cat -> dog\]"),
        ("a {cat}", 2, r"\[cat -> kitten\]"),
        ("cat – dog", 4, "not the sign -"),
        ("−3/7*tabby", 0, "not the sign -"),
        ("“cat” -> “dog”", 0, "quotes are straight"),
        ("'cat' -> 'dog'", 0, "quotes are double"),
        ("cat AND dog", 4, r"cat \+ dog"),
        ("50% cat + 50% dog", 0, r"0\.5\*cat"),
        ("cat - 25 % dog", 6, r"0\.25\*cat"),
        ("0,5*cat", 0, r"decimals take a point: write 0\.5"),
        ("cat * 0,5", 4, r"decimals take a point: write 0\.5"),
        ("cat | -tabby ... +tabby", 13, "two dots"),
        ("cat | -tabby … +tabby", 13, "two dots"),
        ("cat | -tabby to +tabby", 13, "two dots"),
        ("new york/2", 8, "could divide or be text"),
        ("-f/1.8", 2, "could divide or be text"),
        ("open 24/7 + cat", 7, "read as text"),
        ("2*(f/1.8)", 4, "read as text"),
    ],
)
def test_an_error_has_its_place_and_a_fix(text: str, column: int, fix: str) -> None:
    with pytest.raises(ExpressionError, match=fix) as caught:
        parse(text)
    assert caught.value.column == column
    assert caught.value.caret().splitlines()[-1] == " " * column + "^"


@pytest.mark.parametrize(
    ("text", "equivalent"),
    [
        ("a [cat] b", "[cat -> kitten]"),
        ("a [cat:dog:0.4] b", "[cat -> dog]"),
        ("a [cat::0.4] b", "[cat -> 0*cat]"),
        ("a [cat:0.4] b", "[0*cat -> cat]"),
        ("[cat|dog]", "[cat -> dog]"),
        ("(cat:1.3)", "1.3*cat"),
        ("a photo (cat : 1.3) of [a -> b]", "1.3*cat"),
        ("(cat)1.2", "1.2*cat"),
        ("a cat++ b", "1.21*cat"),
        ("a cat-- b", "0.81*cat"),
        ('("cat", "dog").blend(0.7, 0.3)', "0.7*cat + 0.3*kitten"),
        ("a cat.swap(dog)", "[cat -> kitten]"),
        ("<'cat'+'tabby'*3/7>", "[cat + 3/7*tabby]"),
        ("cat <lora:fur:0.8>", "build --lora"),
        ("cat:0.7 dog:0.3", "0.7*cat + 0.3*kitten"),
        ("cat :1 AND kitten :-0.5", "0.7*cat + 0.3*kitten"),
        ("cat --neg dog", "cat - dog"),
    ],
)
def test_the_notation_of_other_tools_is_answered_with_ours(text: str, equivalent: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert equivalent in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "expression"),
    [
        (("a photo of a cat", "cat", "kitten"), "a photo of a [cat -> kitten]"),
        (("Cat and cat", "cat#1", "dog"), "[Cat -> dog] and cat"),
        (("Cat and cat", "cat#2", "dog"), "Cat and [cat -> dog]"),
        (("cats, a cat", "cat", "dog -> 2*tiger"), "cats, a [cat -> dog -> 2*tiger]"),
        (("in new york", "New York", "old york"), "in [new york -> old york]"),
        (("a [cat] - 5*", "cat", "dog"), r"a \[[cat -> dog]\] \- 5\*"),
    ],
)
def test_slot_expression(arguments: tuple[str, str, str], expression: str) -> None:
    assert slot_expression(*arguments) == expression
    assert str(parse(expression)) == expression


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a cat", "dog", "cow"), "does not occur"),
        (("a catfish", "cat", "cow"), "does not occur"),
        (("cat and cat", "cat", "cow"), "cat#1 to cat#2"),
        (("cat and cat", "cat#3", "cow"), "occurs 2 times"),
        (("a cat", "cat#0", "cow"), "no cat#0"),
        (("a cat", "", "cow"), "--word"),
        (("a cat", "cat", ""), "nothing to draw"),
        (("a cat", "cat", "a [b -> c]"), "--to"),
    ],
)
def test_slot_expression_refuses(arguments: tuple[str, str, str], message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        slot_expression(*arguments)
