import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from runtime.errors import RequestError
from runtime.language.expression import parse
from runtime.mixing.mix import Plan, plan
from runtime.request import EditScope, Interp
from tests.support.models.cliptokenizer import make_tokenizer

TOKENIZER = make_tokenizer()
T, D = 77, 5
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
POSITION = st.floats(0.0, 1.0)
ROWS = st.sampled_from(("word", "tail", "all"))
INTERP = st.sampled_from(("lerp", "slerp"))
EXPRESSION = st.sampled_from(
    (
        "cat",
        "cat -> kitten",
        "cat -> kitten -> red dog | -3/7*tabby .. +3/7*tabby",
        "(cat + kitten)/2 - 7*tabby",
        "a photo of a [cat -> kitten] on a sofa",
        "a [kitten -> cat -> seahorse, red | -tabby .. 2*kitten] on the [sofa + cat] and cat",
        "[0*cat -> -cat]",
        '"" -> 1e30*cat',
    )
)


def make(
    text: str, edit: EditScope = "word", edit_row: int | None = None, interp: Interp = "lerp"
) -> Plan:
    return plan(parse(text), TOKENIZER, edit=edit, edit_row=edit_row, interp=interp)


def embedding(prompt: str) -> NDArray[np.float32]:
    """What a text encoder could return, [T, D]: a causal tangle of the ids so far."""
    seen = np.cumsum(TOKENIZER.ids(prompt)[0] * np.arange(1, T + 1))
    rows: NDArray[np.float64] = np.sin(
        seen[:, None] * np.arange(1, D + 1) ** 0.5
    ) + 0.1 * np.arange(D)
    return rows.astype(np.float32)


def gather(made: Plan) -> NDArray[np.float32]:
    basis = [embedding(p)[rows] for p, rows in zip(made.prompts, made.row_map, strict=True)]
    return np.stack(basis)


def conditioning(made: Plan, t: float, u: float = 0.5) -> NDArray[np.float32]:
    basis = gather(made)
    mixed: NDArray[np.float32] = np.einsum("kt,ktd->td", made.weights(t, u, basis), basis)
    return mixed


@LAW
@given(EXPRESSION, ROWS, INTERP, POSITION, POSITION)
def test_weights_are_finite_and_leave_bos_alone(
    text: str, rows: EditScope, interp: Interp, t: float, u: float
) -> None:
    made = make(text, rows, interp=interp)
    weights = made.weights(t, u, gather(made))
    assert weights.dtype == np.float32
    assert weights.shape == (len(made.prompts), T)
    assert np.isfinite(weights).all()
    assert weights[:, 0].tolist() == [1.0] + [0.0] * (len(made.prompts) - 1)
    pooled = made.pooled_weights(t, u)
    assert pooled.dtype == np.float32
    assert np.isfinite(pooled).all()


@LAW
@given(POSITION, POSITION)
def test_a_row_s_weights_add_up_to_its_coefficients(t: float, u: float) -> None:
    made = make("a [cat -> 3*kitten | 0*dog .. dog + tabby] on", "tail")
    total = made.weights(t, u).sum(0)
    np.testing.assert_allclose(total[2:], (1 - t) + 3 * t + 2 * u, rtol=1e-6)
    assert (total[:2] == 1.0).all()


@LAW
@given(ROWS, POSITION, POSITION, POSITION)
def test_lerp_is_linear_in_t_between_two_stations(
    rows: EditScope, a: float, b: float, part: float
) -> None:
    made = make("the [cat -> kitten | -tabby .. tabby] and the [dog -> 2*fish]", rows)
    between = made.weights((1 - part) * a + part * b, 0.3)
    expected = (1 - part) * made.weights(a, 0.3) + part * made.weights(b, 0.3)
    np.testing.assert_allclose(between, expected, atol=1e-6)


@pytest.mark.parametrize("interp", ["lerp", "slerp"])
@pytest.mark.parametrize("rows", ["word", "tail", "all"])
def test_the_ends_of_a_morph_are_exactly_its_prompts(rows: EditScope, interp: Interp) -> None:
    made = make("a red cat -> kitten on -> dog", rows, interp=interp)
    for t, prompt in ((0.0, "a red cat"), (0.5, "kitten on"), (1.0, "dog")):
        assert (conditioning(made, t) == embedding(prompt)).all(), prompt


def test_all_rows_of_a_slot_end_exactly_at_the_other_sentence() -> None:
    made = make("a [cat -> kitten] on", "all")
    assert (conditioning(made, 1.0) == embedding("a kitten on")).all()


def test_word_rows_change_the_word_and_nothing_else() -> None:
    mixed = conditioning(make("a photo of a [cat -> dog] on a sofa"), 0.25)
    cat, dog = embedding("a photo of a cat on a sofa"), embedding("a photo of a dog on a sofa")
    np.testing.assert_allclose(mixed[5], 0.75 * cat[5] + 0.25 * dog[5], rtol=1e-5)
    untouched = np.delete(np.arange(T), 5)
    assert (mixed[untouched] == cat[untouched]).all()


def test_an_axis_adds_to_the_word_in_the_middle_nothing() -> None:
    made = make("a [cat | -3/7*tabby .. 3/7*tabby]")
    cat, tabby = embedding("a cat"), embedding("a tabby")
    assert (conditioning(made, 0.5, 0.5) == cat).all()
    np.testing.assert_allclose(conditioning(made, 0, 1)[2], cat[2] + 3 / 7 * tabby[2], rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "rows", "edited", "sources"),
    [
        # the last token has seen the whole word, so the ends meet
        ("a [cat -> kitten] on", "word", [2], [3]),
        ("a [kitten -> cat] on", "word", [2, 3], [2, 2]),
        ("a [kitten -> new york cat] on", "word", [2, 3], [3, 4]),
        ("[cat -> kitten]", "word", [1], [2]),
        ("[kitten -> dog] on", "word", [1, 2], [1, 1]),
        ("a [cat -> kitten], on", "tail", [2, 3, 4, 5, 76], [3, 4, 5, 6, 76]),
        ("a [kitten -> cat], on", "tail", [2, 3, 4, 5, 76], [2, 2, 3, 4, 75]),
        ("a [cat -> kitten] on", "all", [1, 2, 3, 76], [1, 2, 3, 76]),
        ("cat and [cat -> dog]", "word", [3], [3]),
        ("the \\([cat -> dog]\\)'s", "word", [3], [3]),
        ('a ["🐱" -> cat] on', "word", [2, 3, 4, 5], [2, 2, 2, 2]),
    ],
)
def test_rows_are_found_and_aligned_at_the_end_of_the_word(
    text: str, rows: EditScope, edited: list[int], sources: list[int]
) -> None:
    made = make(text, rows)
    edit = made.edited[1]
    found = dict(zip(edit.rows, edit.sources, strict=True))
    assert {row: found[row] for row in edited} == dict(zip(edited, sources, strict=True))
    assert rows != "word" or list(edit.rows) == edited
    assert [made.row_map[edit.entry, row] for row in edited] == sources


def test_slots_move_together() -> None:
    made = make("a [cat -> dog] on a [sofa -> fish]")
    assert made.prompts == ("a cat on a sofa", "a dog on a sofa", "a cat on a fish")
    mixed, layout = conditioning(made, 1.0), embedding("a cat on a sofa")
    assert (mixed[2] == embedding("a dog on a sofa")[2]).all()
    assert (mixed[5] == embedding("a cat on a fish")[5]).all()
    assert (mixed[[1, 3, 4, 6, 76]] == layout[[1, 3, 4, 6, 76]]).all()


def test_one_row_by_index() -> None:
    made = make("a photo of a [cat -> dog]", edit_row=4)
    mixed, layout = conditioning(made, 1.0), embedding("a photo of a cat")
    assert (mixed[4] == embedding("a photo of a dog")[4]).all()
    assert (np.delete(mixed, 4, 0) == np.delete(layout, 4, 0)).all()
    assert made.pooled_weights(1.0, 0.5).tolist() == [1.0, 0.0]
    whole = conditioning(make("a cat -> a dog", edit_row=2), 1.0)
    assert (whole[2] == embedding("a dog")[2]).all()
    assert (np.delete(whole, 2, 0) == np.delete(embedding("a cat"), 2, 0)).all()


@pytest.mark.parametrize("rows", ["word", "tail", "all"])
def test_the_pooled_vector_follows_the_slot(rows: EditScope) -> None:
    made = make("a [cat -> dog | -tabby .. tabby]", rows)
    np.testing.assert_allclose(made.pooled_weights(0.25, 1.0), [0.75, 0.25, 1.0])


def test_a_chain_stops_at_equally_spaced_stations() -> None:
    made = make("cat -> dog -> fish -> tiger")
    np.testing.assert_allclose(made.weights(1 / 2, 0.5)[:, 1], [0, 0.5, 0.5, 0], atol=1e-7)
    np.testing.assert_allclose(made.weights(1 / 3, 0.5)[:, 1], [0, 1, 0, 0], atol=1e-7)


@LAW
@given(POSITION)
def test_slerp_turns_at_an_even_rate(t: float) -> None:
    made = make("a cat -> a dog", interp="slerp")
    a, b, mixed = embedding("a cat")[2], embedding("a dog")[2], conditioning(made, t)[2]
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    angle = np.arccos(a @ b)
    basis = gather(made)
    basis /= np.linalg.norm(basis, axis=-1, keepdims=True)
    mixed = np.einsum("kt,ktd->td", made.weights(t, 0.5, basis), basis)[2]
    np.testing.assert_allclose(np.linalg.norm(mixed), 1.0, rtol=1e-5)
    np.testing.assert_allclose(mixed @ a, np.cos(t * angle), atol=1e-5)


def test_slerp_of_equal_opposite_and_zero_rows_is_lerp() -> None:
    for text in ("cat -> 2*cat", "cat -> -cat", "0*cat -> dog"):
        made, straight = make(text, interp="slerp"), make(text)
        weights = made.weights(0.3, 0.5, gather(made))
        np.testing.assert_allclose(weights, straight.weights(0.3, 0.5), atol=1e-6)


def test_slerp_reads_the_basis_it_is_given() -> None:
    made = make("cat -> dog", interp="slerp")
    first, second = gather(made), gather(made)[:, ::-1].copy()
    for basis in (first, second, first):
        fresh = make("cat -> dog", interp="slerp").weights(0.3, 0.5, basis)
        assert (made.weights(0.3, 0.5, basis) == fresh).all()
    assert (made.weights(0.3, 0.5, first) != made.weights(0.3, 0.5, second)).any()


def test_extrapolating_is_known() -> None:
    made = make("[cat -> kitten | -tabby .. tabby]")
    assert not made.extrapolates(0.5, 0.5)
    assert made.extrapolates(0.5, 0.4)
    assert not made.extrapolates(0.5, 0.6)
    assert make("2*cat -> cat").extrapolates(0.9, 0.5)
    assert make("0.7*cat + 0.7*cat").extrapolates(0.0, 0.5)


def test_a_word_joined_to_its_neighbour_is_refused_unless_its_tokens_are_its_own() -> None:
    joined = make_tokenizer(["cat", "dog", "catfish"])
    with pytest.raises(RequestError, match="shares the token 'catfish'"):
        plan(parse("a [cat -> dog]fish"), joined)
    assert plan(parse("a [cat -> dog]fish"), joined, edit="all").prompts[1] == "a dogfish"
    assert make("a [sea -> dog]horse").edited[1].rows == (2,)


@pytest.mark.parametrize("text", ['["" -> cat] red', '[cat -> ""] red', 'a [cat + " "]'])
def test_a_term_without_tokens_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="makes no token"):
        make(text)


def test_an_empty_term_is_a_sentence_without_the_word_when_all_rows_move() -> None:
    made = make('a [cat -> ""] on', "all")
    assert (conditioning(made, 1.0) == embedding("a on")).all()


@pytest.mark.parametrize("row", [-1, 0, 77])
def test_a_row_that_does_not_exist_or_is_bos_is_refused(row: int) -> None:
    with pytest.raises(RequestError, match="use 1 to 76"):
        make("a [cat -> dog]", edit_row=row)


def test_a_slot_beyond_the_last_row_is_refused() -> None:
    with pytest.raises(RequestError, match="76 tokens"):
        make("cat " * 75 + "[dog -> fish]")
    with pytest.raises(RequestError, match="76 tokens"):
        make("cat " * 74 + "[dog -> kitten]")
