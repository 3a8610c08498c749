"""``wordmorph build``: a checkpoint becomes a bundle, and the bundle engines for this GPU."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from player.commands.common import INSTALL, can_export, interruptible
from runtime.bundles import library
from runtime.bundles.bundle import Bundle, open_bundle
from runtime.bundles.manifest import MANIFEST
from runtime.enginecache.cache import EngineCache
from runtime.engines.choose import usable
from runtime.engines.gpu import Gpu
from runtime.engines.tensorrt.module import load_module
from runtime.engines.verified import keep_verified
from runtime.errors import (
    BuildError,
    BundleError,
    EngineError,
    MorphError,
    NotFinite,
    RequestError,
)

NVIDIA = ("tensorrt", "tensorrt_rtx")
SLOW = "half the speed of an NVIDIA GPU, or less"


def build(
    model: Annotated[
        str,
        typer.Argument(
            help="A preset (see 'wordmorph models'), a hub id with or without @revision, "
            "a diffusers folder, or a .safetensors file."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The bundle's folder; by default one that --model finds by its name."),
    ] = None,
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
    default_steps: Annotated[
        int | None, typer.Option(help="The step count that is used when none is asked for.")
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
    prediction: Annotated[
        str | None,
        typer.Option(help="epsilon or v: what the network predicts, if its file does not say."),
    ] = None,
    unet: Annotated[
        Path | None,
        typer.Option(help="A .safetensors file that takes the place of the UNet's weights."),
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(help="A folder with CLIP's tokenizer, for a .safetensors file offline."),
    ] = None,
    compute_capability: Annotated[
        str | None,
        typer.Option(
            metavar="X.Y", help="Build tensorrt_rtx engines for such a card; none need be here."
        ),
    ] = None,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit",
            help="Make TensorRT engines that take the next checkpoint's weights in seconds; frames "
            "can take twice the time.",
        ),
    ] = False,
) -> None:
    """Turn a checkpoint into a bundle once, and compile its engines once per GPU."""
    console = Console(stderr=True)
    gpu = None if compute_capability is None else _elsewhere(compute_capability)
    options: dict[str, Any] = {
        "name": name,
        "loras": lora or [],
        "vae": vae,
        "size": size,
        "steps": steps or [],
        "default_steps": default_steps,
        "scheduler": scheduler,
        "guidance": guidance,
        "prediction": prediction,
        "tokenizer": None if tokenizer is None else str(tokenizer),
        "unet": None if unet is None else str(unet),
    }
    with interruptible(None):
        known = library.known_models().get(model)
        asked = [out, *options.values()]
        changed = precision != "auto" or any(one not in (None, []) for one in asked)
        nvidia = _has_nvidia(compute_capability)
        if known == library.built_in() and not changed and nvidia:
            bundle = _built_in(console, model, options)
        elif known is not None and not changed and (known == library.built_in() or _is_name(model)):
            bundle = library.find_bundle(model)
        else:
            choices = ["f16", "f32"] if nvidia else ["f32", "f16"]
            precisions = choices if precision == "auto" else [precision]
            bundle = _bundle(console, model, options, precisions, out)
        _compile(console, bundle, gpu, refit)
    print(shlex.join(["wordmorph", "play", "--model", _called(bundle), "cat -> kitten"]))


def _built_in(console: Console, model: str, options: dict[str, Any]) -> Bundle:
    """Return the built-in model in f16, or as it is in the package where that cannot be made."""
    from export.checkpoints.presets import MODELS

    source = MODELS[model].source
    if not (isinstance(source, Path) and any(source.rglob("*.safetensors"))):
        lacking = (
            "what it was built from is not in the package: in a copy of wordmorph's repository, "
            "run: wordmorph build ./export/critters/model --precision f16"
        )
    elif not can_export():
        lacking = f"that needs torch and diffusers: {INSTALL}"
    else:
        return _bundle(console, model, {**options, "name": f"{model}-f16"}, ["f16"], None)
    _say(console, f"{model}: f32, {SLOW}; f16 cannot be made, {lacking}")
    return library.find_bundle(model)


def _is_name(model: str) -> bool:
    """Whether ``model`` can only be what a bundle was called, not what one is built from."""
    from export.checkpoints.presets import MODELS

    return model not in MODELS and not Path(model).exists()


def _bundle(
    console: Console,
    model: str,
    options: dict[str, Any],
    precisions: Sequence[str],
    out: Path | None,
) -> Bundle:
    """Return the bundle of a checkpoint, exported unless it is there as it would be made now.

    The first of ``precisions`` is made; the others will do if they are there. It lies at ``out``,
    by default among the user's bundles.
    """
    from export.checkpoints.identity import is_built
    from export.checkpoints.resolve import pinned, spec_for

    spec = pinned(spec_for(model, **options, precision=precisions[0]))
    others = [pinned(spec_for(model, **options, precision=one)) for one in precisions[1:]]
    folder = out if out is not None else library.home() / spec.name
    if is_built(folder, spec, *others):
        with contextlib.suppress(BundleError):  # damaged: made again
            bundle = open_bundle(folder)
            _say(console, f"bundle {folder}: already built")
            if precisions[0] == "f16" != bundle.manifest.precision:
                _say(console, f"  in f32, {SLOW}: --precision f16 builds it again")
            return bundle
    if (folder / MANIFEST).is_file():
        _say(console, f"bundle {folder}: damaged or built from something else, so replaced")
    _say(console, f"{spec.about}; licence: {spec.licence}")
    return _export(console, model, {**options, "precision": precisions[0]}, folder)


def _export(console: Console, model: str, options: dict[str, Any], folder: Path) -> Bundle:
    if not can_export():
        raise BuildError(f"building a model needs torch and diffusers: {INSTALL}")
    from export.exporter import export_in_child
    from export.report import report

    with console.status(f"{folder.name}: starting") as status:
        bundle, notes = export_in_child(
            model, options, folder, lambda stage: status.update(f"{folder.name}: {stage}")
        )
    took = f"{notes['seconds']:.0f} s, {notes['peak_bytes'] / 1e9:.1f} GB at the peak"
    _say(console, f"bundle {bundle.folder} ({took})")
    for line in report(bundle.manifest):
        _say(console, f"  {line}")
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


def _compile(console: Console, bundle: Bundle, gpu: Gpu | None, refit: bool = False) -> None:
    """Build the first TensorRT engines that can be built here, and say why the others are not.

    Where none can and ONNX Runtime has the GPU, that is tried instead.
    """
    from export.tensorrt.builder import Options, build_engines

    options = Options(refit=refit)
    if gpu is not None:
        build_engines(bundle, "tensorrt_rtx", gpu=gpu, options=options)
        return
    for backend in NVIDIA:
        reason = usable(backend)
        if reason is None:
            try:
                build_engines(bundle, backend, options=options)
                return
            except (BuildError, EngineError) as error:
                reason = str(error)
        _say(console, f"{backend}: {reason}")
    if usable("onnxruntime") is None:
        _say(console, f"onnxruntime: {_likeness(bundle)}")


def _likeness(bundle: Bundle) -> str:
    """Draw frames with ONNX Runtime on the GPU; return how like they are to f32 on the CPU.

    That is kept: those of another picture are not played.
    """
    from export.tensorrt.verify import psnr_of
    from runtime.engines.onnxruntime.engine import OnnxRuntimeEngine, likeness_key
    from runtime.perception.psnr import ENOUGH, LEAST

    try:
        found = psnr_of(bundle, OnnxRuntimeEngine(bundle, "onnxruntime"))
    except NotFinite:
        found = 0.0
    except EngineError as error:
        return str(error)
    with contextlib.suppress(MorphError):  # a cache that cannot be written is no reason to fail
        keep_verified(EngineCache(), likeness_key(bundle), found, is_like=found >= LEAST)
    message = f"a frame is {found:.1f} dB from f32 on the CPU"
    if found < LEAST:
        return f"{message}, another picture, so it is not used: build with --precision f32"
    return message if found >= ENOUGH else f"{message}: coarse; --precision f32 is exact and slower"


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _has_nvidia(compute_capability: str | None) -> bool:
    """Whether an NVIDIA engine will run what is built: those compute in f16."""
    return compute_capability is not None or any(
        usable(name) is None for name in (*NVIDIA, "onnxruntime")
    )


def _called(bundle: Bundle) -> str:
    """Return what ``--model`` takes to find the bundle again."""
    known = {path.resolve(): name for name, path in library.known_models().items()}
    return known.get(Path(bundle.folder).resolve()) or str(bundle.folder)
