"""The training set: pictures drawn once, kept as memory-mapped shards with their captions."""

import json
import mmap
import multiprocessing
import random
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.critters.pictures.draw import SIZE, Spec, Style, sample_spec, style_of
from export.critters.pictures.inbetween import Inbetween, sample_inbetween
from runtime.durable import tidy, write_aside
from runtime.errors import TargetError

SHARD = 1024
"""Pictures in one shard file."""

WORKERS = 2
MOOD_WEIGHT = 2.0
_KEYS = {"caption", "other", "first", "second", "share"}
"""What is kept of every picture."""

CALM = Style(
    x=0.3, y=0.3, size=0.35, turn=0.35, tilt=0.25, coat=1, marks=1, hue=1, light=1, detail=0.3,
    pose=0.35, gaze=0.5,
)  # fmt: skip
"""How much of each open number's range is drawn: colours vary fully, shapes a little, so that a
small network can learn in an hour to place every edge in one step."""


@dataclass(frozen=True)
class Dataset:
    """Pictures with captions; pixels stay on disk until they are indexed."""

    shards: tuple[NDArray[np.uint8], ...]
    """Memory maps, [SHARD, 256, 256, 3] each, sRGB."""
    captions: tuple[str, ...]
    others: tuple[str, ...]
    """The captions that in-betweens go to; those of plain pictures are their own."""
    drawings: tuple[Inbetween, ...]

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.captions)

    @property
    def styles(self) -> NDArray[np.float32]:
        """The open numbers of every picture, float32 [N, STYLE_SIZE] in (0, 1)."""
        return np.array([drawing.first.style for drawing in self.drawings], np.float32)

    @property
    def shares(self) -> NDArray[np.float32]:
        """How far every picture is on the way to its other caption: float32 [N], 0 if plain."""
        return np.array([drawing.share for drawing in self.drawings], np.float32)

    def chances(self, inbetweens: float) -> NDArray[np.float64]:
        """How likely a batch is to pick each picture: float64 [N], ``inbetweens`` for all of those.

        Pictures with a mood are picked ``MOOD_WEIGHT`` times as often: moods are the finest thing
        to see.
        """
        chances = np.array([MOOD_WEIGHT if d.first.mood else 1.0 for d in self.drawings])
        between = self.shares > 0
        for kind, chance in ((~between, 1 - inbetweens), (between, inbetweens)):
            chances[kind] *= chance / max(chances[kind].sum(), 1e-9)
        return chances

    def face_maps(self, cells: int) -> NDArray[np.float32]:
        """How much of each cell of a grid over the picture is face: float32 [N, cells, cells]."""
        maps = np.zeros((len(self), cells, cells), np.float32)
        centres = (np.arange(cells, dtype=np.float32) + 0.5) * (SIZE / cells)
        for i, drawing in enumerate(self.drawings):
            build = drawing.builds[0] or drawing.builds[1]
            if build:
                x, y, radius = build.face(style_of(calmed(drawing.first)))
                distance = np.hypot(centres[None] - x, centres[:, None] - y)
                maps[i] = np.clip((radius - distance) * cells / SIZE + 0.5, 0, 1)
        return maps

    def pixels(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Whole pictures: uint8 [len(indices), 256, 256, 3]."""
        return np.stack([self.shards[i // SHARD][i % SHARD] for i in indices.tolist()])

    def prefetch(self, indices: NDArray[np.int64]) -> None:
        """Ask the system to bring pictures into memory, and do not wait for them."""
        if sys.platform == "win32":  # it has no such advice
            return
        size = SIZE * SIZE * 3
        for i in indices.tolist():
            shard = self.shards[i // SHARD]
            file = shard.base
            if isinstance(shard, np.memmap) and isinstance(file, mmap.mmap):
                start = (shard.offset + i % SHARD * size) // mmap.PAGESIZE * mmap.PAGESIZE
                file.madvise(
                    mmap.MADV_WILLNEED, start, min(size + mmap.PAGESIZE, len(file) - start)
                )

    def crops(self, rng: np.random.Generator, count: int, size: int) -> NDArray[np.uint8]:
        """Random square crops: uint8 [count, size, size, 3]."""
        tops, lefts = rng.integers(0, SIZE - size + 1, (2, count))
        return np.stack(
            [
                self.shards[i // SHARD][i % SHARD, top : top + size, left : left + size]
                for i, top, left in zip(rng.integers(0, len(self), count), tops, lefts, strict=True)
            ]
        )


def calmed(spec: Spec) -> Spec:
    """The picture that the model learns for a spec: its style drawn in by ``CALM``."""
    style = tuple(0.5 + (v - 0.5) * share for v, share in zip(spec.style, CALM, strict=True))
    return replace(spec, style=style)


def draw_shard(folder: Path, seed: int, shard: int, plain: bool = True) -> None:
    """Draw pictures ``shard * SHARD`` and on, plain ones or in-betweens.

    Every file appears whole or not at all.
    """
    pixels = np.empty((SHARD, SIZE, SIZE, 3), np.uint8)
    rows = []
    for i in range(SHARD):
        rng = random.Random(f"{seed}:{shard * SHARD + i}")
        if plain:
            spec, caption = sample_spec(rng)
            drawing, other = Inbetween(spec, spec, 0.0), caption
        else:
            drawing, caption, other = sample_inbetween(rng)
        calm = replace(drawing, first=calmed(drawing.first), second=calmed(drawing.second))
        pixels[i] = calm.render()
        rows.append({"caption": caption, "other": other} | asdict(drawing))
    captions, target = _paths(folder, shard)
    tidy(captions)
    with write_aside(captions) as partial:
        partial.write_text(json.dumps(rows))
    tidy(target)
    with write_aside(target) as partial, partial.open("wb") as file:
        np.save(file, pixels)


def draw_dataset(
    folder: Path,
    plain: int,
    inbetween: int,
    seed: int,
    advance: Callable[[int], None] = lambda _: None,
) -> Dataset:
    """Draw the pictures that ``folder`` lacks, in worker processes, and open all of them.

    ``plain`` pictures of one caption are wanted and ``inbetween`` ones between two, which come
    after the others; both are rounded up to whole shards. Picture i depends on ``seed`` and i
    alone. ``advance`` is called with the number of pictures that became ready.

    Raises:
        TargetError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        first = -(-plain // SHARD)
        shards = range(first + -(-inbetween // SHARD))
        todo = [shard for shard in shards if not _paths(folder, shard)[1].exists()]
        advance(SHARD * (len(shards) - len(todo)))
        if todo:
            context = multiprocessing.get_context("spawn")
            with context.Pool(min(WORKERS, len(todo))) as pool:
                jobs = [
                    pool.apply_async(draw_shard, (folder, seed, shard, shard < first))
                    for shard in todo
                ]
                for job in jobs:
                    job.get()
                    advance(SHARD)
    except OSError as error:
        raise TargetError(f"cannot draw pictures into {folder}: {error}") from error
    return open_dataset(folder, len(shards))


def open_dataset(folder: Path, shards: int) -> Dataset:
    """Open the first ``shards`` shards of a folder that ``draw_dataset`` filled.

    Raises:
        TargetError: they were drawn by an earlier recipe.
    """
    rows = []
    for shard in range(shards):
        rows += json.loads(_paths(folder, shard)[0].read_text())
    if not all(row.keys() == _KEYS for row in rows):
        raise TargetError(f"{folder} was drawn by an earlier recipe: delete it, or name other WORK")
    return Dataset(
        tuple(np.load(_paths(folder, shard)[1], mmap_mode="r") for shard in range(shards)),
        tuple(row["caption"] for row in rows),
        tuple(row["other"] for row in rows),
        tuple(Inbetween(_spec(row["first"]), _spec(row["second"]), row["share"]) for row in rows),
    )


def _spec(row: dict[str, Any]) -> Spec:
    return Spec(**row | {"style": tuple(row["style"])})


def _paths(folder: Path, shard: int) -> tuple[Path, Path]:
    return folder / f"captions-{shard:03}.json", folder / f"pixels-{shard:03}.npy"
