from __future__ import annotations

import json

import pytest

from player import ranging
from runtime.errors import MorphError
from runtime.language.openaxis import OpenAxis
from tests.player.commands.commandline import invoke
from tests.support.models.tinybundle import write_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny(tmp_path_factory.mktemp("model"), tokens=77).folder)


def printed(model: str, *arguments: str) -> str:
    return invoke("tokens", "-m", model, *arguments)


def test_the_strip_shows_rows_and_the_edit(model: str) -> None:
    text = printed(model, "a photo of a [cat -> dog] on a sofa", "--t", "0.25")
    assert (
        "0 BOS | 1 a | 2 photo | 3 of | 4 a | 5 cat ←edit | 6 on | 7 a | 8 sofa | 9 EOS "
        "| 10–76 padding\n"
    ) in text
    assert "5 dog →5 | 6 on" in text
    assert "cat     +0.750  5 ← 5" in text
    assert "dog     +0.250  5 ← 5" in text
    assert "aligned" not in text
    assert "extrapolating" not in text


def test_unequal_token_counts_show_their_alignment(model: str) -> None:
    text = printed(model, "a [kitten -> cat] on", "--edit", "tail")
    assert "2 kit ←edit | 3 ten ←edit | 4 on ←edit | 5 EOS ←edit | 6–76 padding ←edit" in text
    assert "2 cat →2–3 | 3 on →4 | 4 EOS →5 | 5–75 padding →6–76 | 76 padding" in text
    assert "2–3 ← 2, 4–76 ← 3–75" in text
    assert "aligned at their last token" in text


def test_an_open_range_is_found_first(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def close(axis: OpenAxis, *_: object) -> str:
        asked.append(axis.text)
        return axis.close(-0.25, 0.5)

    monkeypatch.setattr(ranging, "close_range", close)
    text = printed(model, "cat | -?*dog .. +?*dog", "--u", "0")
    assert asked == ["cat | -?*dog .. +?*dog"]
    assert "-0.250" in text
    with pytest.raises(MorphError):
        printed(model, "cat | -?*dog .. +?*dog", "--u", "2")
    assert len(asked) == 1, "a bad option is said before"


def test_several_slots_are_told_apart(model: str) -> None:
    text = printed(model, "a [cat -> dog] on [sofa -> red]")
    assert "2 cat ←edit 1 | 3 on | 4 sofa ←edit 2" in text


def test_one_row_by_index(model: str) -> None:
    text = printed(model, "a cat -> a dog", "--edit-row", "2")
    assert "0 BOS | 1 a | 2 cat ←edit | 3 EOS |" in text


def test_a_weight_below_0_is_shown_as_extrapolating(model: str) -> None:
    text = printed(model, "cat | -3/7*tabby .. +3/7*tabby", "--u", "0")
    assert "-0.429" in text
    assert "extrapolating" in text


def test_a_word_and_what_it_becomes(model: str) -> None:
    text = printed(model, "a cat and a cat", "--word", "cat#2", "--to", "dog")
    assert "2 cat | 3 and | 4 a | 5 cat ←edit" in text


def test_brackets_in_a_prompt_are_printed_as_they_are(model: str) -> None:
    assert "a [red] cat\n" in printed(model, r"a \[red\] [cat -> dog]")


def test_json_carries_the_same(model: str) -> None:
    told = json.loads(printed(model, "a [kitten -> cat | -red .. red]", "--t", "1", "--json"))
    assert told["length"] == 77
    assert told["prompts"][0]["prompt"] == "a kitten"
    assert [token["text"] for token in told["prompts"][0]["tokens"]] == [
        "BOS",
        "a",
        "kit",
        "ten",
        "EOS",
    ]
    cat = told["edits"][1]
    assert cat["phrase"] == "cat"
    assert cat["coefficient"] == 1.0
    assert (cat["rows"], cat["sources"]) == ([2, 3], [2, 2])
    assert told["extrapolates"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a [cat"], "never closed"),
        (["a [cat -> dog]", "--edit-row", "0"], "row 0"),
        (["a [cat -> dog]", "--edit-row", "99"], "use 1 to 76"),
        (["a [cat -> dog]", "--t", "1.5"], "between 0 and 1"),
        (["a [cat -> dog]", "--edit", "some"], "word, tail, all"),
        (["a cat", "--word", "cat"], "--to"),
        (["a cat", "--word", "dog", "--to", "fish"], "does not occur"),
        (["cat " * 76], "76 tokens"),
    ],
)
def test_bad_input_is_one_line(model: str, arguments: list[str], message: str) -> None:
    with pytest.raises(MorphError) as raised:
        printed(model, *arguments)
    assert message in str(raised.value)
