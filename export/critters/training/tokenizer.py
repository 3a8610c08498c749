"""A CLIP-format byte-pair tokenizer, trained on nothing but the captions."""

import json
import random
from collections import Counter
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from export.critters.pictures.draw import sample_spec
from runtime.durable import tidy, write_aside

BOS = "<|startoftext|>"
EOS = "<|endoftext|>"
ROWS = 77
_END = "</w>"


def train_tokenizer(captions: int = 20_000, seed: int = 0) -> CLIPTokenizer:
    """Learn merges until every word of the captions is one token.

    The vocabulary is laid out as CLIP's: 256 bytes, the same at the end of a word, the merges in
    their order, BOS, EOS; so any text can be tokenized. EOS pads, to 77 rows.
    """
    rng = random.Random(seed)
    words = Counter(word for _ in range(captions) for word in sample_spec(rng)[1].split())
    learner = Tokenizer(models.BPE(end_of_word_suffix=_END))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(
        vocab_size=4096, min_frequency=1, end_of_word_suffix=_END, show_progress=False
    )
    learner.train_from_iterator(sorted(words), trainer)
    merges = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *(letter + _END for letter in alphabet)]
    tokens += [left + right for left, right in merges]
    tokens += [BOS, EOS]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=EOS,
        pad_token=EOS,
        model_max_length=ROWS,
    )


def kept_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer in ``folder``, trained if there is none.

    Among merges of equal count the trainer picks at random, so another process would give some
    words other ids, and a checkpoint would go on with them.
    """
    if not folder.exists():
        tidy(folder)
        with write_aside(folder, folder=True) as partial:
            save_tokenizer(train_tokenizer(), partial)
    return CLIPTokenizer.from_pretrained(folder)


def token_ids(tokenizer: CLIPTokenizer, captions: list[str]) -> list[list[int]]:
    """BOS, the words, EOS and padding of each caption: 77 ids each."""
    ids: list[list[int]] = tokenizer(
        captions, padding="max_length", max_length=ROWS, truncation=True
    )["input_ids"]
    return ids


def save_tokenizer(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write it as every release of transformers reads it, ``tokenizer.json`` included."""
    tokenizer.backend_tokenizer.no_padding()  # or use would have left its mark in the file
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.save_pretrained(folder)
    tokenizer.backend_tokenizer.model.save(str(folder))
