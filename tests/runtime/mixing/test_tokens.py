from pathlib import Path

import numpy as np
import pytest

from runtime.bundles.tokenizerfile import parse_tokenizer
from runtime.errors import RequestError
from runtime.mixing.tokens import Tokenizer
from tests.support.models.cliptokenizer import make_tokenizer, raw_tokenizer

TOKENIZER = make_tokenizer()


def rows_of(prompt: str, word: str, occurrence: int = 0) -> list[int]:
    start = -1
    for _ in range(occurrence + 1):
        start = prompt.index(word, start + 1)
    return list(TOKENIZER.tokens(prompt).rows(start, start + len(word)))


def test_ids_are_bos_words_eos_and_padding() -> None:
    ids = TOKENIZER.ids("a photo of a cat")
    assert ids.shape == (1, 77)
    assert ids.dtype == np.int64
    assert ids[0, 0] == TOKENIZER.bos
    assert ids[0, 6] == TOKENIZER.eos
    assert set(ids[0, 7:]) == {TOKENIZER.pad}
    assert ids[0, 1] == ids[0, 4]


def test_pad_id_is_the_one_the_file_names(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    raw_tokenizer(pad="!").save(str(path))
    tokenizer = Tokenizer.of(parse_tokenizer(path.read_bytes()))
    assert tokenizer.pad != tokenizer.eos
    assert tokenizer.ids("a cat")[0, 3:5].tolist() == [tokenizer.eos, tokenizer.pad]


def test_ids_equal_those_the_file_itself_pads_to(tmp_path: Path) -> None:
    raw = raw_tokenizer()
    path = tmp_path / "tokenizer.json"
    raw.save(str(path))
    for prompt in ("", "A  Photo\nof a CAT", "日本 🐱", "cat's seahorse, 3 kittens!"):
        assert (
            Tokenizer.of(parse_tokenizer(path.read_bytes())).ids(prompt)[0].tolist()
            == raw.encode(prompt).ids
        )


def test_upper_case_and_odd_whitespace_give_the_same_ids() -> None:
    assert (TOKENIZER.ids("a  Photo\tof A CAT ") == TOKENIZER.ids("a photo of a cat")).all()


@pytest.mark.parametrize(
    ("prompt", "word", "rows"),
    [
        ("cat on the sofa", "cat", [1]),
        ("a photo of a cat", "cat", [5]),
        ("A   Photo of\n a CAT, on", "CAT", [5]),
        ("the cat, red", "cat", [2]),
        ('the "cat" red', "cat", [3]),
        ("the cat's sofa", "cat", [2]),
        ("a kitten on", "kitten", [2, 3]),
        ("a seahorse", "horse", [3]),
        ("a new york cat", "new york", [2, 3]),
        ("日本 cat", "日本", [1, 2, 3, 4, 5, 6]),
        ("日本 cat", "cat", [7]),
        ("a 🐱 cat", "🐱", [2, 3, 4, 5]),
        ("a 🐱 cat", "cat", [6]),
        ("cafe\u0301 cat", "cat", [5]),
        ("İ cat", "cat", [4]),
    ],
)
def test_a_word_owns_the_rows_of_its_tokens(prompt: str, word: str, rows: list[int]) -> None:
    assert rows_of(prompt, word) == rows


def test_repeated_words_have_rows_of_their_own() -> None:
    assert rows_of("cat and cat", "cat", 0) == [1]
    assert rows_of("cat and cat", "cat", 1) == [3]


def test_texts_name_every_row() -> None:
    tokens = TOKENIZER.tokens("a Kitten, 🐱")
    assert tokens.texts[:5] == ("BOS", "a", "Kit", "ten", ",")
    assert tokens.texts[-1] == "EOS"
    assert len(tokens.texts) == len(tokens.offsets) == tokens.eos + 1


def test_the_longest_prompt_fits_and_one_more_word_is_refused() -> None:
    assert TOKENIZER.tokens("cat " * 75).eos == 76
    with pytest.raises(RequestError, match=r"76 tokens and this model reads 75"):
        TOKENIZER.ids("cat " * 76)
