"""``wordmorph build``: a checkpoint becomes a bundle, and the bundle engines for this GPU."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from player.commands.common import interruptible
from runtime import library
from runtime.bundle import Bundle
from runtime.engines import usable
from runtime.engines.gpu import Gpu
from runtime.engines.plans import load_module
from runtime.errors import BuildError, RequestError

NVIDIA = ("tensorrt", "tensorrt_rtx")
INSTALL = "pip install '.[export]' in wordmorph's folder"


def build(
    model: Annotated[
        str,
        typer.Argument(
            help="A preset (see 'wordmorph models'), a hub id with or without @revision, "
            "a diffusers folder, or a .safetensors file."
        ),
    ],
    name: Annotated[str | None, typer.Option(help="What to call the model.")] = None,
    lora: Annotated[
        list[str] | None, typer.Option(metavar="FILE@WEIGHT", help="A LoRA to fuse; repeatable.")
    ] = None,
    vae: Annotated[
        str | None, typer.Option(help="taesd (small and fast), full, or a folder.")
    ] = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Picture size in pixels.")] = None,
    steps: Annotated[
        list[int] | None, typer.Option(help="A step count to offer; repeatable.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="f16, f32, or auto: f16 where an NVIDIA engine runs, else f32.")
    ] = "auto",
    scheduler: Annotated[
        str | None, typer.Option(help="ddim, euler, euler-ancestral, lcm or tcd.")
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(help="Guidance baked into networks that embed it (LCM).")
    ] = None,
    compute_capability: Annotated[
        str | None,
        typer.Option(
            metavar="X.Y", help="Build tensorrt_rtx engines for such a card; none need be here."
        ),
    ] = None,
) -> None:
    """Turn a checkpoint into a bundle once, and compile its engines once per GPU."""
    console = Console(stderr=True)
    settings = (name, lora, vae, size, steps, scheduler, guidance)
    gpu = None if compute_capability is None else _elsewhere(compute_capability)
    changed = any(setting not in (None, [], ()) for setting in settings)
    with interruptible(None):
        if model in library.known_models() and precision == "auto" and not changed:
            bundle = library.find_bundle(model)
        else:
            chosen = _precision(precision, compute_capability)
            bundle = _export(
                console, model, name, lora, vae, size, steps, chosen, scheduler, guidance
            )
        _compile(console, bundle, gpu)
    print(f'wordmorph play --model {_called(bundle)} "cat -> kitten"')


def _export(
    console: Console,
    model: str,
    name: str | None,
    lora: list[str] | None,
    vae: str | None,
    size: str | None,
    steps: list[int] | None,
    precision: str,
    scheduler: str | None,
    guidance: float | None,
) -> Bundle:
    if find_spec("torch") is None or find_spec("diffusers") is None:
        raise BuildError(f"building a model needs torch and diffusers: {INSTALL}")
    from export import parity
    from export.build import build as export_bundle
    from export.resolve import spec_for

    spec = spec_for(
        model,
        name=name,
        loras=lora or (),
        vae=vae,
        size=size,
        steps=steps or (),
        precision=precision,
        scheduler=scheduler,
        guidance=guidance,
    )
    with console.status(f"{spec.name}: starting") as status:
        bundle = export_bundle(
            spec, library.home() / spec.name, lambda stage: status.update(f"{spec.name}: {stage}")
        )
    console.print(f"bundle {bundle.folder}", highlight=False, soft_wrap=True)
    for line in parity.report(bundle.manifest):
        console.print(f"  {line}", highlight=False, soft_wrap=True)
    return bundle


def _elsewhere(compute_capability: str) -> Gpu:
    """Return a GPU that is not here, to build for; looked at before the checkpoint is exported.

    Raises:
        RequestError: it is not like 8.9.
        EngineError: ``tensorrt_rtx`` cannot build here.
    """
    major, dot, minor = compute_capability.partition(".")
    if not (dot and major.isdecimal() and minor.isdecimal()):
        raise RequestError(f"compute capability {compute_capability!r} is not like 8.9")
    load_module("tensorrt_rtx")
    return Gpu("any", compute_capability)


def _compile(console: Console, bundle: Bundle, gpu: Gpu | None) -> None:
    """Build the TensorRT engines that can be built here, and say why the others are not."""
    from export.tensorrt import build_engines

    if gpu is not None:
        build_engines(bundle, "tensorrt_rtx", gpu=gpu)
        return
    for backend in NVIDIA:
        reason = usable(backend)
        if reason is None:
            build_engines(bundle, backend)
            return
        console.print(f"{backend}: {reason}", highlight=False, soft_wrap=True)


def _precision(asked: str, compute_capability: str | None) -> str:
    if asked != "auto":
        return asked
    nvidia = compute_capability or any(usable(name) is None for name in (*NVIDIA, "onnxruntime"))
    return "f16" if nvidia else "f32"


def _called(bundle: Bundle) -> str:
    """Return what ``--model`` takes to find the bundle again."""
    known = {path.resolve(): name for name, path in library.known_models().items()}
    return known.get(Path(bundle.folder).resolve(), str(bundle.folder))
