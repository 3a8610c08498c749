"""The gate's own arithmetic: what it tries, what it lets through, what it reports."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.parity.gate import WORST_RELATIVE, Figures, between, check_exact, check_half
from export.parity.reference import (
    Case,
    MixCase,
    Reference,
    check_reference,
    edits,
    hears,
    schedule,
)
from export.report import report
from runtime.bundles.manifest import BASIS
from runtime.errors import BuildError
from runtime.perception.psnr import peak_signal_to_noise
from tests.support.models.tinybundle import tiny_bundle

GOOD = Figures(worst_levels=2, worst_latent=1e-6, psnr=80.0, embedding=1e-7, frames=7)


def test_the_gate_lets_rounding_through_and_nothing_else() -> None:
    check_exact(GOOD)
    for bad in (
        replace(GOOD, worst_levels=3),
        replace(GOOD, worst_latent=2 * WORST_RELATIVE),
        replace(GOOD, embedding=2 * WORST_RELATIVE),
        replace(GOOD, worst_latent=float("nan")),
    ):
        with pytest.raises(BuildError, match="no bundle was written"):
            check_exact(bad)


def test_frames_in_half_must_be_alike_and_finite() -> None:
    check_half(replace(GOOD, psnr=28.0, worst_levels=40))
    for bad, why in ((replace(GOOD, psnr=27.9), "27.9 dB"), (not_finite(), "not finite")):
        with pytest.raises(BuildError, match=rf"{why}.*--precision f32"):
            check_half(bad)


def not_finite() -> Figures:
    """A black frame where black is right, of a latent that is not a number."""
    latent = np.ones((1, 2, 2), np.float32)
    edit = MixCase("x", np.zeros((BASIS, 3), np.float32), np.zeros(BASIS, np.float32))
    black = np.zeros((4, 4, 3), np.uint8)
    return between([Case(edit, 1, latent * np.nan, black)], [Case(edit, 1, latent, black)])


def test_a_latent_that_is_not_a_number_passes_no_gate() -> None:
    with pytest.raises(BuildError, match="no bundle was written"):
        check_exact(not_finite())


def test_rough_bf16_is_told(tmp_path: Path) -> None:
    figures = asdict(replace(GOOD, psnr=20.0))
    manifest = tiny_bundle(tmp_path, {}).manifest
    parity = {"hears": 1.0, "f32": asdict(GOOD), "bf16": figures}
    assert any("will run it in f32" in line for line in report(replace(manifest, parity=parity)))
    parity["bf16"] = asdict(GOOD)
    assert not any("will run" in line for line in report(replace(manifest, parity=parity)))


def test_the_edits_are_a_mix_a_subtraction_and_a_few_rows() -> None:
    made = {edit.name: edit for edit in edits(77)}
    for edit in made.values():
        assert edit.weights.shape == (BASIS, 77)
        assert edit.weights[:, 0].tolist() == [1, *[0] * (BASIS - 1)], "BOS is never edited"
    assert (made["subtraction"].weights < 0).any()
    assert not np.allclose(made["subtraction"].weights.sum(axis=0), 1)
    changed = (made["rows"].weights != made["plain"].weights).any(axis=0)
    assert 0 < changed.sum() < 10


@settings(deadline=None)
@given(st.sets(st.integers(1, 8), min_size=1))
def test_every_step_count_is_tried_and_every_edit_at_one(counts: set[int]) -> None:
    tried = schedule(tuple(counts), 77)
    assert {steps for _, steps in tried} == counts
    assert len({edit.name for edit, steps in tried if steps == min(counts)}) == 4
    assert len(tried) == 3 + len(counts)


def test_hearing_is_the_least_difference_between_edits() -> None:
    def case(level: int, steps: int = 1) -> Case:
        frame = np.full((4, 4, 3), level, np.uint8)
        edit = MixCase(str(level), np.zeros((BASIS, 3), np.float32), np.zeros(BASIS, np.float32))
        return Case(edit, steps, np.zeros((1, 2, 2), np.float32), frame)

    basis = np.zeros((BASIS, 3, 2), np.float32)
    cases = (case(10), case(250), case(13), case(11, steps=2))
    assert hears(Reference(basis, None, np.zeros((1, 1, 2, 2), np.float32), cases)) == 3


def reference_of(*frames: np.ndarray, basis: float = 0.0, finite: bool = True) -> Reference:
    edit = MixCase("x", np.zeros((BASIS, 3), np.float32), np.zeros(BASIS, np.float32))
    latent = np.zeros((1, 2, 2), np.float32)
    cases = tuple(Case(edit, 1, latent, frame.astype(np.uint8), finite) for frame in frames)
    return Reference(np.full((BASIS, 3, 2), basis, np.float32), None, latent[None], cases)


def test_a_model_that_draws_nothing_passes_no_gate() -> None:
    random = np.random.default_rng(7)
    drawn = [random.integers(0, 255, (8, 8, 3)) for _ in range(4)]
    check_reference(reference_of(*drawn))
    black = [np.zeros((8, 8, 3))] * 4
    plain = [np.full((8, 8, 3), level) for level in (0, 40, 80, 120)]
    for bad, why in (
        (reference_of(*black), "one plain colour"),
        (reference_of(*plain), "one plain colour"),
        (reference_of(*[drawn[0]] * 4), "whatever the text says"),
        (reference_of(*drawn, finite=False), "not finite"),
        (reference_of(*drawn, basis=float("nan")), "text encoder"),
    ):
        with pytest.raises(BuildError, match=rf"{why}.*no bundle was written"):
            check_reference(bad)


@settings(deadline=None)
@given(st.integers(1, 255))
def test_psnr_of_a_known_difference(level: int) -> None:
    black = np.zeros((8, 8, 3), np.uint8)
    assert peak_signal_to_noise(black, black) == 99
    assert peak_signal_to_noise(black, black + np.uint8(level)) == pytest.approx(
        20 * np.log10(255 / level)
    )
