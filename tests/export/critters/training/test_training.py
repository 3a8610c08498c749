"""The pieces of the critters recipe: noise coupling, levels, network, text, dataset."""

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from tokenizers import Tokenizer
from torch import Tensor
from transformers import CLIPTokenizer

from export.critters.folder import read_folder
from export.critters.pictures.draw import (
    ANIMALS,
    COATS,
    STYLE_SIZE,
    Spec,
    Style,
    render,
    spec_of_caption,
)
from export.critters.pictures.inbetween import Inbetween
from export.critters.sampler import sample, text_rows
from export.critters.train import Recipe, main, train
from export.critters.training import conditioning, dataset
from export.critters.training.conditioning import TEXT_WIDTH
from export.critters.training.coupling import couple_noise, style_of_noise
from export.critters.training.dataset import Dataset, calmed
from export.critters.training.rollout import Rollout
from export.critters.training.schedule import STEPS, make_scheduler, sampling_levels
from export.critters.training.tokenizer import (
    kept_tokenizer,
    save_tokenizer,
    token_ids,
    train_tokenizer,
)
from export.critters.training.unet import freeze, make_unet
from runtime.durable import PARTIAL
from runtime.errors import TargetError


@given(st.integers(0, 2**31), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_coupled_noise_stands_for_its_style_and_moves_only_means(seed: int, count: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, 16, 16, 16, generator=generator)
    style = torch.rand(count, STYLE_SIZE, generator=generator) * 0.99 + 0.005
    coupled = couple_noise(noise, style)
    torch.testing.assert_close(style_of_noise(coupled), style, rtol=0, atol=1e-4)
    torch.testing.assert_close(coupled[:, STYLE_SIZE:], noise[:, STYLE_SIZE:])
    moved = coupled - noise
    torch.testing.assert_close(moved - moved.mean((2, 3), keepdim=True), torch.zeros_like(moved))


def test_plain_noise_stands_for_uniform_styles_and_coupling_keeps_noise_normal() -> None:
    noise = torch.randn(400, 16, 16, 16, generator=torch.Generator().manual_seed(5))
    assert kstest(style_of_noise(noise).flatten().numpy(), "uniform").pvalue > 1e-3
    style = torch.rand(400, STYLE_SIZE, generator=torch.Generator().manual_seed(6))
    coupled = couple_noise(noise, style)
    assert kstest((coupled.mean((2, 3)) * 16).flatten().numpy(), "norm").pvalue > 1e-3


def test_sampling_begins_at_pure_noise() -> None:
    levels = sampling_levels(make_scheduler())
    assert levels.signal[999] == 0
    assert levels.visited == {1: (999,), 2: (999, 499), 3: (999, 666, 332), 4: (999, 749, 499, 249)}
    assert all(0.015 < levels.noise[t] < 0.02 for count in STEPS for t in levels.visited[count][1:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_later_steps_learn_cannot_change_a_picture_of_one_step(dtype: torch.dtype) -> None:
    torch.manual_seed(4)
    unet = make_unet().to(dtype)
    x, rows = torch.randn(2, 16, 16, 16, dtype=dtype), torch.randn(2, 77, TEXT_WIDTH, dtype=dtype)
    with torch.no_grad():
        before = {t: unet(x, t, rows).sample for t in (999, 749, 249)}
    freeze(unet, later=True)
    for parameter in unet.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn_like(parameter)
    with torch.no_grad():
        after = {t: unet(x, t, rows).sample for t in before}
    close = 1e-3 if dtype == torch.float32 else 0.02
    torch.testing.assert_close(after[999], before[999], atol=close, rtol=0)
    for t in (749, 249):
        assert (after[t] - before[t]).abs().mean() > 0.05


def test_every_part_of_the_unet_learns_in_the_first_step_or_later_or_not_at_all() -> None:
    unet = make_unet()
    learning = []
    for later in (False, True):
        freeze(unet, later)
        learning.append({name for name, p in unet.named_parameters() if p.requires_grad})
    first, later_ones = learning
    assert not first & later_ones
    assert {"conv_in.weight", "conv_out.weight", "mid_block.resnets.0.conv1.weight"} <= first
    assert {n for n in later_ones if "down_blocks" in n and "conv1.weight" in n} == {
        "down_blocks.0.resnets.1.conv1.weight", "down_blocks.0.resnets.2.conv1.weight"
    }  # fmt: skip
    rest = {name for name, _ in unet.named_parameters()} - first - later_ones
    assert all("time_emb" in n or "conv2.bias" in n or "conv_shortcut" in n for n in rest)


def test_a_rollout_takes_the_steps_that_the_scheduler_takes() -> None:
    """With the same network, the slots' pictures are those of diffusers' own sampling."""
    generator = torch.Generator().manual_seed(8)
    noise = torch.randn(12, 3, 4, 4, generator=generator)
    rows = torch.zeros(12, 77, 8)
    levels = sampling_levels(make_scheduler())

    def network(x: Tensor, timesteps: Tensor) -> Tensor:
        return torch.tanh(x.roll(1, -1) + timesteps[:, None, None, None] / 1000)

    def predict(x: Tensor, timesteps: Tensor, _: Tensor) -> Tensor:
        signal, sigma = levels.shares(timesteps)
        return signal * x - sigma * network(x, timesteps)

    wanted = {}
    for count in STEPS:
        scheduler, x = make_scheduler(), noise
        scheduler.set_timesteps(count)
        for t in scheduler.timesteps:
            x = scheduler.step(network(x, t.expand(12)), t, x).prev_sample
        wanted[count] = x

    rollout = Rollout(levels, 12)
    drawn = predict(noise, torch.full((12,), 999), rows)
    rollout.refill(np.random.default_rng(2), torch.arange(12), drawn, noise, rows)
    counts = [len(left) + 1 for left in rollout.left]
    assert set(counts) == set(STEPS)
    for done in range(2, max(STEPS) + 1):
        mended, sigma = rollout.advance(predict)
        for i in (i for i, count in enumerate(counts) if count == done):
            torch.testing.assert_close(mended[i], wanted[done][i], atol=1e-4, rtol=0)
            assert sigma[i] == levels.noise[levels.visited[counts[i]][done - 1]]
        rollout.left = [left or (249,) for left in rollout.left]


def test_faces_are_found_where_they_are_drawn() -> None:
    """Where an animal looks changes its face alone."""
    rng = random.Random(11)
    for animal in ("cat", "panda", "mouse"):
        style = Style(*(rng.random() for _ in range(STYLE_SIZE)))
        left, right = (
            Spec(animal, None, None, "grass", style._replace(gaze=gaze)) for gaze in (0.0, 1.0)
        )
        face = np.kron(
            Dataset((), ("",), ("",), (Inbetween(left, left, 0.0),)).face_maps(16)[0],
            np.ones((16, 16)),
        )
        change = np.abs(render(calmed(left)).astype(int) - render(calmed(right))).sum(2)
        assert change.sum() > 0
        assert change[face == 0].sum() == 0


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return train_tokenizer(captions=4000)


def test_a_resumed_run_keeps_its_tokenizer(tmp_path: Path) -> None:
    first = kept_tokenizer(tmp_path / "tokenizer")
    merges = (tmp_path / "tokenizer" / "merges.txt").read_bytes()
    again = kept_tokenizer(tmp_path / "tokenizer")
    words = ["a photo of a sleepy tabby kitten on a sofa", "Tokyo"]
    assert token_ids(again, words) == token_ids(first, words)
    assert (tmp_path / "tokenizer" / "merges.txt").read_bytes() == merges


def test_words_are_single_tokens_and_sentences_have_77_rows(tokenizer: CLIPTokenizer) -> None:
    for word in (*ANIMALS, *COATS, "sofa", "kyoto", "photo"):
        assert len(tokenizer(word).input_ids) == 3
    (row,) = token_ids(tokenizer, ["a photo of a Tabby CAT on a sofa"])
    (lower,) = token_ids(tokenizer, ["a photo of a tabby cat on a sofa"])
    assert len(row) == 77
    assert row == lower
    assert row[0] == tokenizer.bos_token_id
    assert set(row[10:]) == {tokenizer.eos_token_id}


@given(text=st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_tokenizes_without_unknowns(tokenizer: CLIPTokenizer, text: str) -> None:
    ids = token_ids(tokenizer, [text])[0]
    assert len(ids) == 77
    inside = ids[1 : ids.index(tokenizer.eos_token_id)]
    assert bool(inside) == bool("".join(text.split()))


def test_saved_tokenizer_reads_the_same_everywhere(
    tokenizer: CLIPTokenizer, tmp_path: Path
) -> None:
    save_tokenizer(tokenizer, tmp_path)
    text = "a drawing of a Fox at night, zebra-like!"
    ids = tokenizer(text).input_ids
    assert CLIPTokenizer.from_pretrained(tmp_path)(text).input_ids == ids
    assert Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode(text).ids == ids


def test_slot_edits_keep_the_true_word_and_tails_keep_all_words(
    tokenizer: CLIPTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ("a photo of a tabby cat on a sofa", "kitten", "a yacht in a storm")
    captions = conditioning.tokenize(tokenizer, texts)
    torch.manual_seed(0)
    encoder = conditioning.make_text_encoder(tokenizer).eval()
    true = encoder(captions.ids).last_hidden_state
    picked = torch.tensor([0, 1, 2])
    monkeypatch.setattr(conditioning, "SCALE_SHARE", 0.0)

    monkeypatch.setattr(conditioning, "SLOT_SHARE", 0.0)
    monkeypatch.setattr(conditioning, "TAIL_SHARE", 1.0)
    rows = conditioning.edited_rows(encoder, captions, picked, np.random.default_rng(1))
    for i, end in enumerate(captions.ends.tolist()):
        torch.testing.assert_close(rows[i, :end], true[i, :end])
    assert not torch.allclose(rows[:, -1], true[:, -1])

    monkeypatch.setattr(conditioning, "SLOT_SHARE", 1.0)
    monkeypatch.setattr(conditioning, "TAIL_SHARE", 0.0)
    rows = conditioning.edited_rows(encoder, captions, picked, np.random.default_rng(1))
    same = (rows - true).abs().amax(2) < 1e-5
    assert same[2].all(), "a caption without a slot must stay"
    assert same[0, :6].all(), "tabby is row 5 and cat row 6: neither before nor in the slot"
    assert not same[0, 7:].any(), "rows after the slot must have read the other word"


def test_rows_are_mixed_whole_or_in_the_one_word_that_differs(
    tokenizer: CLIPTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    firsts = ("a fox at night", "cat", "a photo of a tabby cat on a sofa")
    seconds = ("an owl on snow", "dog", "a photo of a tabby lion on a sofa")
    captions, others = (conditioning.tokenize(tokenizer, texts) for texts in (firsts, seconds))
    torch.manual_seed(1)
    encoder = conditioning.make_text_encoder(tokenizer).eval()
    first, second = (encoder(texts.ids).last_hidden_state for texts in (captions, others))
    picked, shares = torch.tensor([0, 1, 2] * 12), torch.rand(36)
    monkeypatch.setattr(conditioning, "SCALE_SHARE", 0.0)
    rows = conditioning.mixed_rows(
        encoder, captions, others, picked, shares, np.random.default_rng(4)
    )
    whole = torch.lerp(first[picked], second[picked], shares[:, None, None])
    slot = first[picked].clone()
    for i, row in ((1, 1), (2, 6)):
        slot[i::3, row] = whole[i::3, row]
    as_whole, as_slot = ((rows - t).abs().amax((1, 2)) < 1e-5 for t in (whole, slot))
    assert (as_whole | as_slot).all()
    assert as_whole[::3].all(), "more than one word differs"
    assert as_slot[1::3].any()
    assert as_slot[2::3].any()
    assert as_whole[2::3].any()


def test_dataset_is_reproducible_and_repairs_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "SHARD", 6)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for shard in (2, 1, 0):
            dataset.draw_shard(tmp_path / folder, 7, shard, plain=shard < 2)
    a, b = (dataset.open_dataset(tmp_path / folder, 3) for folder in ("a", "b"))
    indices = np.array([10, 0, 3, 17])
    np.testing.assert_array_equal(a.pixels(indices), b.pixels(indices))
    np.testing.assert_array_equal(a.pixels(indices)[0], render(calmed(a.drawings[10].first)))
    assert len(a) == 18
    assert a.styles.shape == (18, STYLE_SIZE)
    assert a.captions[:12] == a.others[:12]
    assert not a.shares[:12].any()
    assert all(a.shares[12:] > 0)
    for drawing, caption, other in zip(a.drawings, a.captions, a.others, strict=True):
        assert replace(drawing.first, style=()) == spec_of_caption(caption)
        assert replace(drawing.second, style=()) == spec_of_caption(other)
        assert drawing.first.style == drawing.second.style
    crop = a.crops(np.random.default_rng(0), 5, 64)
    assert crop.shape == (5, 64, 64, 3)
    assert not list((tmp_path / "a").glob(f"*{PARTIAL}"))
    (tmp_path / "b" / "captions-001.json").write_text('[{"caption": "cat", "animal": "cat"}]')
    with pytest.raises(TargetError, match="earlier recipe: delete it"):
        dataset.open_dataset(tmp_path / "b", 3)


def test_the_recipe_ends_in_a_folder_that_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "SHARD", 48)
    work = tmp_path / "work"
    (work / "pictures").mkdir(parents=True)
    for shard in (0, 1):
        dataset.draw_shard(work / "pictures", 0, shard, plain=shard == 0)
    recipe = Recipe(48, 48, *[2] * 4)
    train(tmp_path / "model", work, recipe, None, torch.device("cpu"))
    pipeline = read_folder(tmp_path / "model")
    (pixels,) = sample(pipeline, text_rows(pipeline, ["cat"]), [1], 2)
    assert pixels.shape == (256, 256, 3)
    states = [
        torch.load(work / f"{phase}.pt", weights_only=True)["parts"]["average"]["copies"][0]
        for phase in ("denoiser", "inbetweens", "later")
    ]
    written = pipeline.unet.state_dict()
    for name, value in states[-1].items():
        torch.testing.assert_close(written[name], value.half().float(), rtol=0, atol=0)
    for one, other in pairwise(states):
        assert any(not torch.equal(value, other[name]) for name, value in one.items())


def test_what_is_stopped_before_its_first_checkpoint_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("export.critters.train.train", stop)
    monkeypatch.setattr(torch, "set_flush_denormal", lambda on: None)
    with pytest.raises(SystemExit, match="130"):
        main(tmp_path / "model")
    assert capsys.readouterr().err == "error: stopped before the first checkpoint\n"
