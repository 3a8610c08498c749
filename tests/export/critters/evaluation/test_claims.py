"""The figures that the built-in model is judged by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import spearmanr

from export.critters.evaluation.claims import spearman


@given(arrays(float, 9, elements=st.integers(-5, 5).map(float)))
def test_spearman_agrees_with_scipy(values: NDArray[np.float64]) -> None:
    x = np.arange(9.0)
    expected = 0.0 if np.ptp(values) == 0 else spearmanr(x, values).statistic
    assert spearman(x, values) == pytest.approx(expected)
