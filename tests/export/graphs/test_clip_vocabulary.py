"""CLIP's genuine vocabulary, which every real checkpoint uses: ids, rows, and a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.build import build
from export.checkpoints.presets import ModelSpec
from export.graphs.tokens import write_tokenizer
from runtime.bundles.tokenizerfile import parse_tokenizer
from runtime.errors import RequestError
from runtime.mixing.tokens import Tokenizer
from runtime.pipeline import Pipeline
from tests.support.models import checkpoints
from tests.support.models.clipvocabulary import LENGTH, clip_tokenizer

KNOWN: dict[str, list[int]] = json.loads(
    (Path(__file__).parents[2] / "support" / "models" / "clip_ids.json").read_text(encoding="utf-8")
)
"""sentence → its ids between BOS and EOS, as OpenAI's own tokenizer gives them"""
BOS, EOS = 49406, 49407


@pytest.fixture(scope="module")
def theirs() -> Any:
    return clip_tokenizer()


@pytest.fixture(scope="module")
def ours(theirs: Any, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("clip") / "tokenizer.json"
    assert write_tokenizer(theirs, path) == LENGTH
    return Tokenizer.of(parse_tokenizer(path.read_bytes()))


def test_the_ids_of_two_hundred_sentences_are_clips_and_transformers(
    ours: Tokenizer, theirs: Any
) -> None:
    assert len(KNOWN) >= 200
    for sentence, ids in KNOWN.items():
        wanted = [BOS, *ids, EOS, *[EOS] * (LENGTH - 2 - len(ids))]
        assert ours.ids(sentence)[0].tolist() == wanted, sentence
        assert theirs(sentence, padding="max_length").input_ids == wanted, sentence


def test_stable_diffusion_2_pads_with_zeros(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    write_tokenizer(clip_tokenizer(pad="!"), path)
    ids = Tokenizer.of(parse_tokenizer(path.read_bytes())).ids("a photo of a cat")[0].tolist()
    assert ids == [BOS, 320, 1125, 539, 320, 2368, EOS, *[0] * 70]


@pytest.mark.parametrize(
    ("prompt", "word", "texts"),
    [
        ("a tabby on a sofa", "tabby", ["tabby"]),
        ("a t-shirt, red", "t-shirt", ["t", "-", "shirt"]),
        ("a photo of an axolotl", "axolotl", ["ax", "o", "lot", "l"]),
        ("a café in São Paulo", "café", ["café"]),
        ("a café in São Paulo", "São Paulo", ["são", "paulo"]),
        ("a cafe\u0301 terrace", "cafe\u0301", ["cafe"]),  # the accent joins in, uncounted
        ("the cat's sofa", "cat", ["cat"]),
        ("cat and cat", "cat", ["cat"]),
    ],
)
def test_a_word_owns_the_rows_of_its_tokens(
    ours: Tokenizer, prompt: str, word: str, texts: list[str]
) -> None:
    tokens = ours.tokens(prompt)
    start = prompt.index(word)
    rows = tokens.rows(start, start + len(word))
    assert [tokens.texts[row].lower() for row in rows] == texts


@pytest.mark.parametrize("sign", ["🐱", "🐈‍⬛", "猫", "кошка", "한"])
def test_a_sign_of_many_bytes_owns_all_its_rows_and_no_other(ours: Tokenizer, sign: str) -> None:
    prompt = f"a {sign} cat"
    tokens = ours.tokens(prompt)
    rows = list(tokens.rows(2, 2 + len(sign)))
    assert rows == list(range(2, tokens.eos - 1)), "between 'a' and 'cat'"
    assert list(tokens.rows(prompt.index("cat"), len(prompt))) == [tokens.eos - 1]


def test_the_seventy_seventh_token_is_the_edge(ours: Tokenizer) -> None:
    fits = " ".join(["cat"] * 75)
    assert ours.tokens(fits).eos == 76
    assert ours.ids(fits)[0].tolist() == [BOS, *[2368] * 75, EOS]
    with pytest.raises(RequestError, match=r"7[678]"):
        ours.ids(fits + " cat")
    assert len(ours.ids("🐱 " * 37)[0]) == LENGTH


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, theirs: Any) -> Any:
    """Stable Diffusion 1's shape at reduced width, with all 49408 words."""
    folder = tmp_path_factory.mktemp("sd1")
    checkpoint = checkpoints.make(folder / "checkpoint", "sd15", words=theirs)
    spec = ModelSpec("sd1", checkpoint, "a test", steps=(1, 2))
    build(spec, folder / "bundle")  # the gate compares its frames with diffusers'
    with Pipeline.open(str(folder / "bundle"), backend="openvino", precision="f32") as opened:
        yield opened


def test_the_whole_path_with_that_vocabulary(pipeline: Pipeline) -> None:
    def frame(expression: str, t: float = 0.0, **settings: Any) -> Any:
        asked = pipeline.request(expression, t, seed=3, **settings)
        return pipeline.render(asked).pixels.astype(int)

    slot = "a photo of a [tabby -> axolotl] in a café 🐱"
    start, word = frame(slot), frame(slot, 1.0)
    tail = frame(slot, 1.0, edit="tail")
    assert np.abs(start - frame("a photo of a tabby in a café 🐱")).max() <= 1
    # axolotl has more tokens: the first of them have no row, so that the end is near, not equal
    other = frame("a photo of a axolotl in a café 🐱")
    assert np.abs(tail - other).mean() < np.abs(start - other).mean() / 2
    assert np.abs(frame(slot, 1.0, edit="all") - other).max() <= 1
    assert np.abs(tail - start).mean() > 5
    assert np.abs(word - start).max() > 0, "one row of 77 is heard, if only just"
    between = frame(slot, 0.5, edit="tail")
    assert 1 < np.abs(between - start).mean() < np.abs(tail - start).mean() + 5


def test_a_prompt_of_seventy_five_tokens_is_drawn_and_one_more_is_refused(
    pipeline: Pipeline,
) -> None:
    fits = " ".join(["cat"] * 74)
    first = pipeline.render(pipeline.request(f"{fits} [cat -> dog]", 0.0))
    last = pipeline.render(pipeline.request(f"{fits} [cat -> dog]", 1.0))
    assert not np.array_equal(first.pixels, last.pixels), "the last row before EOS is edited"
    with pytest.raises(RequestError):
        pipeline.render(pipeline.request(f"{fits} [cat -> dog] dog", 0.0))
