"""The recipe of the built-in model: ``python -m export.critters.train --out DIR``.

From an empty folder to the finished model, in phases that each go on from their checkpoint:
draw the pictures, train the autoencoder, then the denoiser with its text encoder and, along with
them, the decoder: first on pictures of one caption, then on those between two as well; at last,
the steps after the first.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from export.critters.folder import write_folder
from export.critters.training.autoencoder import encode_dataset, make_autoencoder, train_autoencoder
from export.critters.training.conditioning import make_text_encoder, tokenize
from export.critters.training.dataset import SHARD, draw_dataset
from export.critters.training.denoiser import INBETWEENS, PICTURES, train_denoiser
from export.critters.training.descent.phase import Budget, PhaseRun, progress_bar, save
from export.critters.training.later import train_later
from export.critters.training.lessons import Lessons, Networks
from export.critters.training.tokenizer import kept_tokenizer
from export.critters.training.unet import make_unet
from runtime.errors import MorphError, TargetError


@dataclass(frozen=True)
class Recipe:
    """How much of everything."""

    pictures: int = 24 * SHARD
    inbetweens: int = 8 * SHARD
    autoencoder_updates: int = 5800
    denoiser_updates: int = 3400
    inbetween_updates: int = 2400
    later_updates: int = 3300
    seed: int = 0

    def budgets(self, minutes: float | None) -> tuple[Budget, Budget, Budget, Budget]:
        """Of the four phases of training; with ``minutes``, shares of that time, not updates."""
        whole = None if minutes is None else minutes * 60
        return (
            Budget(self.autoencoder_updates, whole and whole * 0.1),
            Budget(self.denoiser_updates, whole and whole * 0.35),
            Budget(self.inbetween_updates, whole and whole * 0.25),
            Budget(self.later_updates, whole and whole * 0.3),
        )


def train(
    out: Path, work: Path, recipe: Recipe, minutes: float | None, device: torch.device
) -> None:
    """Carry out a recipe: write the diffusers folder ``out``.

    ``work`` holds pictures and checkpoints; what is there is not done again. ``minutes`` of
    training are shared out in place of the recipe's counts of updates.

    Raises:
        TargetError: ``out`` or ``work`` cannot be written.
        Interrupted: Ctrl-C, after a checkpoint was written.
    """
    console = Console(stderr=True)
    for folder in (out.parent, work):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise TargetError(f"cannot write to {folder}: {error.strerror}") from error
    if out.exists() and not out.is_dir():
        raise TargetError(f"cannot write the model to {out}: it is a file, not a folder")
    torch.manual_seed(recipe.seed)
    first, second, third, fourth = recipe.budgets(minutes)

    with progress_bar(console) as bar:
        task = bar.add_task("pictures", total=recipe.pictures + recipe.inbetweens, note="")
        data = draw_dataset(
            work / "pictures",
            recipe.pictures,
            recipe.inbetweens,
            recipe.seed,
            lambda n: bar.advance(task, n),
        )
    tokenizer = kept_tokenizer(work / "tokenizer")
    captions, others = (tokenize(tokenizer, texts) for texts in (data.captions, data.others))

    autoencoder = make_autoencoder().to(device)
    train_autoencoder(autoencoder, data, PhaseRun(work, first, recipe.seed, console))

    encoded = work / "latents.pt"
    latents = torch.load(encoded, weights_only=True) if encoded.exists() else torch.empty(0)
    if len(latents) != len(data):
        console.print("encoding the pictures")
        latents = encode_dataset(autoencoder, data)
        save(encoded, latents)
    scale = 1 / float(latents[data.shares == 0][::16].float().std())
    autoencoder.register_to_config(scaling_factor=round(scale, 4))
    latents = latents * autoencoder.config.scaling_factor

    unet, encoder = make_unet().to(device), make_text_encoder(tokenizer).to(device)
    networks = Networks(unet, encoder, autoencoder)
    lessons = Lessons.of(data, captions, others)
    for phase, budget, seed in ((PICTURES, second, 0), (INBETWEENS, third, 1)):
        run = PhaseRun(work, budget, recipe.seed + seed, console)
        train_denoiser(networks, latents, lessons, phase, run)
    train_later(networks, lessons, PhaseRun(work, fourth, recipe.seed + 2, console))
    write_folder(out, unet, encoder, autoencoder, tokenizer)
    console.print(f"the model is in {out}")


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    out: Annotated[Path, typer.Option(help="The diffusers folder to write.")],
    work: Annotated[
        Path | None, typer.Option(help="Pictures (5 GB) and checkpoints; beside OUT by default.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Train for this long, not for the full recipe.")
    ] = None,
    pictures: Annotated[
        int,
        typer.Option(min=1, help="Pictures to draw of one caption; a third as many between two."),
    ] = Recipe.pictures,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
) -> None:
    """Train the built-in model, or go on with it; Ctrl-C loses nothing but the current update."""
    if threads:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        train(
            out,
            work or out.with_name(out.name + "-work"),
            Recipe(pictures, -(-pictures // 3)),
            minutes,
            device,
        )
    except (MorphError, KeyboardInterrupt) as error:
        print(f"error: {str(error) or 'stopped before the first checkpoint'}", file=sys.stderr)
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else 1) from None


if __name__ == "__main__":
    app()
