"""The step tables against diffusers' own schedulers, on trajectories the probe never saw."""

from __future__ import annotations

from typing import Any

import diffusers
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from export.graphs.sampling import LINEAR, probe
from runtime.errors import BuildError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers")

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("DDIMScheduler", {"clip_sample": False}),
    ("DDIMScheduler", {"clip_sample": False, "timestep_spacing": "trailing"}),
    (
        "DDIMScheduler",
        {
            "clip_sample": False,
            "timestep_spacing": "trailing",
            "prediction_type": "v_prediction",
            "rescale_betas_zero_snr": True,
        },
    ),
    ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
    ("EulerDiscreteScheduler", {"timestep_spacing": "leading", "steps_offset": 1}),
    ("EulerDiscreteScheduler", {"prediction_type": "v_prediction"}),
    ("EulerAncestralDiscreteScheduler", {"timestep_spacing": "trailing"}),
    ("LCMScheduler", {}),
    ("TCDScheduler", {}),
    ("DDPMScheduler", {"clip_sample": False, "timestep_spacing": "trailing"}),
]


def scheduler(name: str, config: dict[str, Any]) -> Any:
    return getattr(diffusers, name)(**BETAS, **config)


@pytest.mark.parametrize(("name", "config"), CASES)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.sampled_from([1, 2, 3, 4, 8]))
def test_a_table_follows_its_scheduler_from_noise_to_latent(
    name: str, config: dict[str, Any], seed: int, count: int
) -> None:
    sampling = probe(scheduler(name, config), [1, 2, 3, 4, 8])
    theirs = scheduler(name, config)
    theirs.set_timesteps(count)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, 3, 8, 4, generator=generator)
    step_noise = torch.Generator().manual_seed(seed + 1)
    our_noise = torch.Generator().manual_seed(seed + 1)

    def model(x: torch.Tensor, t: float) -> torch.Tensor:
        return torch.sin(3 * x) + 0.001 * t

    expected = noise * theirs.init_noise_sigma
    actual = noise * sampling.init_noise_sigma
    extra: dict[str, Any] = {} if name == "DDIMScheduler" else {"generator": step_noise}
    if name == "TCDScheduler":
        extra["eta"] = 0.0
    assert len(sampling.steps[count]) == count
    for timestep, row in zip(theirs.timesteps, sampling.steps[count], strict=True):
        seen = theirs.scale_model_input(expected, timestep)
        expected = theirs.step(
            model(seen, float(timestep)), timestep, expected, **extra
        ).prev_sample
        output = model(row.scale * actual, row.timestep)
        actual = row.sample * actual + row.output * output
        if row.noise:
            actual = actual + row.noise * torch.randn(noise.shape, generator=our_noise)
    assert torch.allclose(actual, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_no_noise_falls_on_the_last_step() -> None:
    for name in ("LCMScheduler", "EulerAncestralDiscreteScheduler"):
        for rows in probe(scheduler(name, {}), [1, 2, 4]).steps.values():
            assert rows[-1].noise == 0
            assert all(row.noise > 0 for row in rows[:-1])


def test_step_counts_that_start_at_different_sigmas_share_one() -> None:
    config = {"timestep_spacing": "leading", "steps_offset": 1}
    sampling = probe(scheduler("EulerDiscreteScheduler", config), [1, 4])
    one = scheduler("EulerDiscreteScheduler", config)
    one.set_timesteps(1)
    four = scheduler("EulerDiscreteScheduler", config)
    four.set_timesteps(4)
    assert sampling.init_noise_sigma == pytest.approx(float(one.init_noise_sigma))
    ratio = float(four.init_noise_sigma) / float(one.init_noise_sigma)
    assert abs(ratio - 1) > 0.1
    seen = four.scale_model_input(four.init_noise_sigma * torch.ones(1), four.timesteps[0])
    first = sampling.steps[4][0]
    assert first.scale * sampling.init_noise_sigma == pytest.approx(float(seen))


@pytest.mark.parametrize(
    ("name", "config", "why"),
    [
        ("DPMSolverMultistepScheduler", {}, "remembers"),
        ("UniPCMultistepScheduler", {}, "remembers"),
        ("LMSDiscreteScheduler", {}, "remembers"),
        ("HeunDiscreteScheduler", {}, "evaluates the model"),
        ("PNDMScheduler", {"skip_prk_steps": True}, "evaluates the model"),
        ("DDIMScheduler", {"clip_sample": True, "clip_sample_range": 0.5}, "clips"),
    ],
)
def test_a_scheduler_without_a_table_is_refused_with_some_that_have_one(
    name: str, config: dict[str, Any], why: str
) -> None:
    with pytest.raises(BuildError) as caught:
        probe(scheduler(name, config), [2, 4])
    message = str(caught.value)
    assert why in message
    assert name in message
    assert "\n" not in message
    assert all(other in message for other in LINEAR)


def test_a_multistep_scheduler_may_take_one_step() -> None:
    config = {"timestep_spacing": "trailing", "algorithm_type": "dpmsolver++"}
    rows = probe(scheduler("DPMSolverMultistepScheduler", config), [1]).steps[1]
    assert rows[0].timestep == 999


@pytest.mark.parametrize("counts", [[0], [9], []])
def test_step_counts_out_of_range_are_refused(counts: list[int]) -> None:
    with pytest.raises(BuildError, match="between 1 and 8"):
        probe(scheduler("DDIMScheduler", {"clip_sample": False}), counts)
