"""What the denoiser reads of a caption: text rows, edited in training as players edit them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from export.critters.pictures.draw import ANIMALS, COATS, MOODS
from export.critters.training.tokenizer import ROWS, token_ids

TEXT_WIDTH = 128
SWAPS = tuple({word: group for group in (ANIMALS, COATS, MOODS) for word in group}.items())
"""Words that a slot may hold, each with the words that can stand in its place."""

SLOT_SHARE = 0.35
TAIL_SHARE = 0.5
SCALE_SHARE = 0.3


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained text encoder: 77 rows of ``TEXT_WIDTH`` numbers."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            projection_dim=TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=ROWS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.eos_token_id,
        )
    )


@dataclass(frozen=True)
class Captions:
    """Token ids of every caption of a data set, and where each can be edited."""

    ids: Tensor
    """int64 [N, 77]."""
    ends: Tensor
    """int64 [N]: the row of EOS."""
    slots: tuple[tuple[tuple[int, tuple[int, ...]], ...], ...]
    """For each caption, (row, ids that could stand there instead)."""


def tokenize(tokenizer: CLIPTokenizer, captions: tuple[str, ...]) -> Captions:
    """Tokenize captions, of which many may be equal."""
    names = sorted(set(captions))
    rows = token_ids(tokenizer, names)
    group_of: dict[int, tuple[int, ...]] = {}
    for word, group in SWAPS:
        (index,) = token_ids(tokenizer, [word])[0][1:2]
        others = [row[1] for row in token_ids(tokenizer, [w for w in group if w != word])]
        group_of[index] = tuple(others)
    end = tokenizer.eos_token_id
    known = {
        name: (
            ids,
            ids.index(end),
            tuple((r, group_of[i]) for r, i in enumerate(ids) if i in group_of),
        )
        for name, ids in zip(names, rows, strict=True)
    }
    chosen = [known[caption] for caption in captions]
    return Captions(
        torch.tensor([ids for ids, _, _ in chosen]),
        torch.tensor([position for _, position, _ in chosen]),
        tuple(slots for _, _, slots in chosen),
    )


def mixed_rows(
    encoder: CLIPTextModel,
    captions: Captions,
    others: Captions,
    picked: Tensor,
    shares: Tensor,
    rng: np.random.Generator,
) -> Tensor:
    """Text rows [B, 77, TEXT_WIDTH] between two captions, mixed as a player mixes them.

    Whole captions are mixed row by row; where they differ in one word, half of the time that
    word's row alone. Some are scaled, as in ``edited_rows``. ``picked`` int64 [B] says which
    pictures; each one's mix begins at its caption and ends at its other one, and ``shares``
    float32 [B] says how far it is on the way.
    """
    device = next(encoder.parameters()).device
    batch = len(picked)
    ids, targets = captions.ids[picked], others.ids[picked]
    first, second = encoder(torch.cat([ids, targets]).to(device)).last_hidden_state.chunk(2)
    differs = ids != targets
    slot = (differs.sum(1) == 1) & torch.from_numpy(rng.random(batch) < 0.5)
    where = (differs | ~slot[:, None]).to(device)
    share = shares.to(device)[:, None, None] * where[..., None]
    text: Tensor = first + share * (second - first)
    return text * _random_scales(batch, rng).to(device)


def edited_rows(
    encoder: CLIPTextModel, captions: Captions, picked: Tensor, rng: np.random.Generator
) -> Tensor:
    """Text rows [B, 77, TEXT_WIDTH] of some captions, edited in ways that must not matter.

    So that the denoiser reads each word in its own row, as a player's edits need:
    - slot edit: every row comes from a caption with one word replaced, but the row of that word;
    - foreign tail: the rows from EOS on come from another caption;
    - scale: all rows but BOS are made longer or shorter.
    """
    device = next(encoder.parameters()).device
    ids = captions.ids[picked]
    batch = len(ids)
    others = ids.clone()
    rows = np.zeros(batch, np.int64)
    for i, index in enumerate(picked.tolist()):
        slots = captions.slots[index]
        if slots and rng.random() < SLOT_SHARE:
            row, candidates = slots[rng.integers(len(slots))]
            others[i, row] = int(rng.choice(candidates))
            rows[i] = row
    swapped = np.flatnonzero(rows)
    encoded = encoder(torch.cat([ids, others[swapped]]).to(device)).last_hidden_state
    true, other = encoded[:batch], encoded[batch:]
    text = true.clone()
    text[swapped] = other
    text[swapped, rows[swapped]] = true[swapped, rows[swapped]]

    ends = captions.ends[picked]
    donors = torch.from_numpy(rng.permutation(batch))
    position = torch.arange(ROWS).expand(batch, ROWS)
    taken = torch.maximum(position, ends[donors][:, None]).to(device)
    foreign = true[donors].gather(1, taken[..., None].expand(-1, -1, TEXT_WIDTH))
    foreign_tail = torch.from_numpy(rng.random(batch) < TAIL_SHARE)
    tail = ((position >= ends[:, None]) & foreign_tail[:, None]).to(device)
    text = torch.where(tail[..., None], foreign, text)

    return text * _random_scales(batch, rng).to(device)


def _random_scales(batch: int, rng: np.random.Generator) -> Tensor:
    """What the rows of some captions are multiplied by: float32 [B, 77, 1], 1 for BOS."""
    scaled = rng.random(batch) < SCALE_SHARE
    scales = np.where(scaled, np.exp(rng.uniform(-0.4, 0.4, batch)), 1.0)
    scale = torch.from_numpy(scales).float()[:, None, None].repeat(1, ROWS, 1)
    scale[:, 0] = 1
    return scale
