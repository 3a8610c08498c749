"""Files of weights: what is read of them, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runtime.bundles.files import size_of
from runtime.errors import BuildError, one_line

SUFFIX = ".safetensors"
PICKLES = (".ckpt", ".bin", ".pt", ".pth", ".pkl")
CONVERT = (
    "only .safetensors is read, because other formats can run code: convert it to safetensors "
    "first (diffusers' save_pretrained does, as does the hub's convert space)"
)


def check(path: Path) -> None:
    """Look whether a file is all there; no tensor is read.

    Raises:
        BuildError: it is absent, not safetensors, partial or damaged.
    """
    shapes(path)


def shapes(path: Path) -> dict[str, list[int]]:
    """Return the shape of every tensor in a file, by name; no tensor is read.

    Raises:
        BuildError: as ``check``.
    """
    with _opened(path, "numpy") as file:
        return {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118


def tensors(path: Path, prefixes: tuple[str, ...] = ("",)) -> Iterator[tuple[str, Any]]:
    """Yield the names and torch tensors of a file whose names begin with one of ``prefixes``.

    Raises:
        BuildError: as ``check``.
    """
    with _opened(path, "pt") as file:
        for key in file.keys():  # noqa: SIM118
            if key.startswith(prefixes):
                yield key, file.get_tensor(key)


def metadata(path: Path) -> dict[str, str]:
    """Return what a file's header says besides its tensors.

    Raises:
        BuildError: as ``check``.
    """
    with _opened(path, "numpy") as file:
        return dict(file.metadata() or {})


@contextmanager
def _opened(path: Path, framework: str) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    if path.suffix != SUFFIX:
        raise BuildError(f"{path}: {CONVERT}")
    if not path.exists():
        raise BuildError(f"{path} does not exist")
    try:
        size_of(path, links=True)
    except OSError as error:
        raise BuildError(f"{path} cannot be read: {error.strerror}") from None
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError) as error:
        why = one_line(error)
        raise BuildError(f"{path} is partial or damaged ({why}): fetch it again") from None
