import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import RequestError
from runtime.noise import randn
from runtime.request import MAX_SEED
from tests.support.seeds import draw_seed

torch = pytest.importorskip("torch")


def torch_randn(seed: int, count: int, shape: tuple[int, ...]) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    return np.stack([torch.randn(shape, generator=generator).numpy() for _ in range(count)])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, MAX_SEED),
    count=st.integers(1, 4),
    shape=st.tuples(st.integers(1, 16), st.integers(4, 24), st.integers(4, 24)),
)
def test_noise_is_what_torch_draws(seed: int, count: int, shape: tuple[int, int, int]) -> None:
    ours = randn(seed, count, shape)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, torch_randn(seed, count, shape), atol=1e-6, rtol=0)


@pytest.mark.parametrize("seed", [0, 1, MAX_SEED, None])
def test_full_size_latents_match(seed: int | None) -> None:
    seed = draw_seed() if seed is None else seed
    np.testing.assert_allclose(
        randn(seed, 2, (4, 64, 64)), torch_randn(seed, 2, (4, 64, 64)), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 2**64])
def test_seed_out_of_range(seed: int) -> None:
    with pytest.raises(RequestError, match="out of range"):
        randn(seed, 1, (4, 8, 8))


def test_too_small_a_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        randn(0, 1, (3, 5))
