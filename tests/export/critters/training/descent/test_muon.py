"""The optimizer's own step."""

import torch

from export.critters.training.descent.muon import orthogonalise


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(9)
    for shape in ((3, 40, 90), (2, 128, 32)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)).float())
        assert 0.4 < values.min() <= values.max() < 1.4
