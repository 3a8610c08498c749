"""From how far words lie apart to their order and their places in the plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runtime.errors import MorphError
from runtime.perception.charting.atlas import Atlas, WordPair
from runtime.perception.distance import Floats


def check_scipy() -> None:
    """Raise MorphError, naming the extra, if SciPy is absent."""
    try:
        import scipy.cluster.hierarchy  # noqa: F401  slow to import, and only needed here
    except ImportError:
        raise MorphError("an atlas needs SciPy: pip install '.[atlas]'") from None


def draw_up(words: Sequence[str], ways: Sequence[WordPair]) -> Atlas:
    """Order and place ``words`` by the ``ways`` between every two of them.

    Raises:
        MorphError: SciPy is absent.
    """
    check_scipy()
    number = {word: i for i, word in enumerate(words)}
    paths = np.zeros((len(words), len(words)))
    for way in ways:
        a, b = (number[word] for word in way.words)
        paths[a, b] = paths[b, a] = way.path
    places = place(paths)
    return Atlas(tuple(words), tuple(ways), paths, order(paths), places, stress(paths, places))


def order(paths: Floats) -> tuple[int, ...]:
    """Return the order [N] of average-linkage clustering with the best order of its leaves.

    ``paths`` [N, N] is symmetric, N >= 2. The leaf order is that of Bar-Joseph et al. 2001.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    tree = linkage(squareform(paths, checks=False), "average", optimal_ordering=True)
    found = leaves_list(tree).tolist()
    return tuple(found if found[0] <= found[-1] else found[::-1])


def place(paths: Floats) -> Floats:
    """Return places [N, 2] whose distances come near ``paths`` [N, N]: multidimensional scaling.

    Starts from the classical solution (Torgerson 1952) and minimises the sum of squared errors
    from there, so that no random start decides; turned to its principal axes.
    """
    from scipy.optimize import minimize

    count = len(paths)
    first, second = np.triu_indices(count, 1)
    wanted = paths[first, second]
    centred = paths**2 - (paths**2).mean(0)
    values, vectors = np.linalg.eigh(-0.5 * (centred - centred.mean(1, keepdims=True)))
    start = vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 1e-12))
    if start.shape[1] < 2:
        start = np.pad(start, ((0, 0), (0, 1)))

    def error(flat: Floats) -> tuple[float, Floats]:
        at = flat.reshape(count, 2)
        apart = at[first] - at[second]
        length = np.sqrt((apart**2).sum(1))
        off = length - wanted
        pull = (2 * off / np.maximum(length, 1e-12))[:, None] * apart
        gradient = np.zeros_like(at)
        np.add.at(gradient, first, pull)
        np.add.at(gradient, second, -pull)
        return float(off @ off), gradient.ravel()

    found: Floats = minimize(error, start.ravel(), jac=True, method="L-BFGS-B").x.reshape(count, 2)
    found = found - found.mean(0)
    _, _, axes = np.linalg.svd(found, full_matrices=False)
    turned = found @ axes.T
    strongest = turned[np.argmax(np.abs(turned), axis=0), np.arange(2)]
    return np.asarray(turned * np.where(strongest < 0, -1.0, 1.0))


def stress(paths: Floats, places: Floats) -> float:
    """Return Kruskal's stress-1: the root of squared errors over squared paths."""
    first, second = np.triu_indices(len(paths), 1)
    length = np.sqrt(((places[first] - places[second]) ** 2).sum(1))
    wanted = paths[first, second]
    whole = float(wanted @ wanted)
    return float(np.sqrt(((length - wanted) ** 2).sum() / whole)) if whole else 0.0
