"""The measure of samples: a small classifier that has only ever seen renders."""

import hashlib
import random
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional

from export.critters.pictures.draw import (
    ANIMALS,
    COATS,
    MOODS,
    PLACES,
    SCENES,
    Spec,
    render,
    sample_spec,
)
from export.critters.training.descent.phase import cosine, progress_bar
from runtime.durable import write_aside
from runtime.errors import TargetError
from runtime.userfolders import cache_folder

LABELS: dict[str, tuple[str, ...]] = {
    "animal": ANIMALS,
    "coat": COATS,
    "mood": ("neutral", *MOODS),
    "place": ("studio", *PLACES, *SCENES),
}
"""What each head tells apart; an unnamed coat and a missing animal belong to no class."""

UNNAMED = -100
PICTURES = 12_288
UPDATES = 1_800
BATCH = 64
SIDE = 128
"""Pictures are halved before they are looked at."""


class Classifier(nn.Module):
    """A small convolutional network with one head for each of ``LABELS``."""

    def __init__(self) -> None:
        """Untrained."""
        super().__init__()
        widths = (3, 32, 64, 96, 128, 160)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += _convolution(before, after, stride=2)
            if before >= 32:
                layers += _convolution(after, after, stride=1)
        self.body = nn.Sequential(*layers)
        cells = (SIDE // 32) ** 2
        self.heads = nn.ModuleDict(
            {name: nn.Linear(widths[-1] * cells, len(names)) for name, names in LABELS.items()}
        )

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Logits of each head for pictures [B, 3, SIDE, SIDE] in [-1, 1]."""
        features = functional.dropout(self.body(pictures).flatten(1), 0.2, self.training)
        return {name: head(features) for name, head in self.heads.items()}


def _convolution(before: int, after: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]


def labels_of(spec: Spec) -> dict[str, int]:
    """The class of a picture under each head, ``UNNAMED`` where it has none."""
    place = LABELS["place"].index(spec.place or "studio")
    if spec.animal is None:
        return {"animal": UNNAMED, "coat": UNNAMED, "mood": UNNAMED, "place": place}
    return {
        "animal": ANIMALS.index(spec.animal),
        "coat": COATS.index(spec.coat) if spec.coat else UNNAMED,
        "mood": LABELS["mood"].index(spec.mood or "neutral"),
        "place": place,
    }


def shrink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Halve pictures [N, 256, 256, 3] by averaging."""
    wide = pixels.astype(np.uint16)
    total = wide[:, ::2, ::2] + wide[:, 1::2, ::2] + wide[:, ::2, 1::2] + wide[:, 1::2, 1::2]
    small: NDArray[np.uint8] = ((total + 2) // 4).astype(np.uint8)
    return small


def draw_labelled(count: int, seed: int) -> tuple[NDArray[np.uint8], dict[str, Tensor]]:
    """Fresh renders, halved, and their labels."""
    rng = random.Random(seed)
    pictures = np.empty((count, SIDE, SIDE, 3), np.uint8)
    labels = []
    for i in range(count):
        spec, _ = sample_spec(rng)
        pictures[i] = shrink(render(spec)[None])[0]
        labels.append(labels_of(spec))
    return pictures, {name: torch.tensor([row[name] for row in labels]) for name in LABELS}


def _to_input(small: NDArray[np.uint8]) -> Tensor:
    pictures = torch.from_numpy(small).permute(0, 3, 1, 2).float() / 127.5 - 1
    return pictures.contiguous(memory_format=torch.channels_last)


def _augment(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Soften, shift, shade and grain renders a little, so that no such thing decides."""
    if rng.random() < 0.3:
        pictures = functional.avg_pool2d(pictures, 3, stride=1, padding=1, count_include_pad=False)
    dy, dx = rng.integers(-4, 5, 2).tolist()
    pictures = functional.pad(pictures, (4, 4, 4, 4), mode="replicate")
    pictures = pictures[:, :, 4 + dy : 4 + dy + SIDE, 4 + dx : 4 + dx + SIDE]
    shade = torch.from_numpy(rng.normal(0, 0.04, (len(pictures), 3, 1, 1))).float()
    grain = torch.from_numpy(rng.standard_normal(pictures.shape, np.float32))
    return pictures + shade + 0.03 * rng.random() * grain


def train_classifier(
    console: Console, pictures: int = PICTURES, updates: int = UPDATES, seed: int = 1
) -> Classifier:
    """Draw pictures and learn to name what they show."""
    torch.manual_seed(seed)
    model = Classifier()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    with progress_bar(console) as bar:
        console.print("drawing pictures for the classifier")
        images, labels = draw_labelled(pictures, 1_000_000 + seed)
        task = bar.add_task("classifier", total=updates, note="")
        for done in range(updates):
            rng = np.random.default_rng((seed, done))
            picked = rng.integers(0, pictures, BATCH)
            batch = _augment(_to_input(images[picked]), rng)
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(batch.contiguous(memory_format=torch.channels_last))
            loss = torch.stack(
                [
                    functional.cross_entropy(
                        logits[name].float(), labels[name][picked], ignore_index=UNNAMED
                    )
                    for name in LABELS
                ]
            ).sum()
            for group in optimizer.param_groups:
                group["lr"] = 2e-3 * cosine(done / updates)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            bar.update(task, advance=1, note=f"loss {loss.item():.3f}")
    return model.eval()


@torch.inference_mode()
def probabilities(model: Classifier, small: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Softmax of every head for halved pictures: {head: float32 [N, classes]}."""
    parts = [model(_to_input(small[i : i + 256])) for i in range(0, len(small), 256)]
    return {name: torch.cat([part[name] for part in parts]).softmax(1).numpy() for name in LABELS}


def load_classifier(console: Console) -> Classifier:
    """The classifier of the present renderer, trained once and kept in the user's cache.

    Raises:
        TargetError: the cache cannot be written.
    """
    rng = random.Random(0)
    digest = hashlib.sha256(f"{PICTURES} {UPDATES}".encode())
    for _ in range(24):
        digest.update(render(sample_spec(rng)[0]).tobytes())
    path = cache_folder() / f"critters-classifier-{digest.hexdigest()[:16]}.pt"
    if path.exists():
        model = Classifier()
        model.load_state_dict(torch.load(path, weights_only=True))
        return model.eval()
    model = train_classifier(console)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_aside(path) as partial:
            torch.save(model.state_dict(), partial)
    except OSError as error:
        raise TargetError(f"cannot keep the classifier in {path.parent}: {error}") from error
    return model
