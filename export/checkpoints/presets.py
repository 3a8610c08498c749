"""The models known by name: presets are data, one row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from runtime.errors import BuildError

MAX_STEPS = 8
"""the largest step count that a bundle may offer"""
Precision = Literal["f32", "f16"]
Prediction = Literal["epsilon", "v"]
PREDICTIONS: Mapping[Prediction, str] = MappingProxyType(
    {"epsilon": "epsilon", "v": "v_prediction"}
)
"""what diffusers' schedulers call them"""


def check_steps(counts: Sequence[int]) -> None:
    """Raise BuildError unless there are step counts and all lie between 1 and ``MAX_STEPS``."""
    if not counts or not all(1 <= count <= MAX_STEPS for count in counts):
        raise BuildError(f"steps must lie between 1 and {MAX_STEPS}, not {list(counts)}")


@dataclass(frozen=True, slots=True)
class Hub:
    """A repository of the Hugging Face hub at one commit; ``file`` picks a single file of it."""

    repo: str
    revision: str
    file: str | None = None
    variant: str | None = None
    """``fp16`` where the repository also holds half-size weight files"""
    mirrors: tuple[Hub, ...] = ()
    """repositories that hold the same files, tried in order when this one cannot be had

    No preset has one: a mirror needs a commit, and the digests in ``sha256`` by which to trust it,
    and of none were both known when this was written (those of ``sd2-community`` are Stable
    Diffusion 2's own, not SD-Turbo's)."""
    sha256: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """file → what it must be, where that is known"""


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA that is fused into the networks, and the weight it gets."""

    source: Hub | Path
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Where a checkpoint comes from and how it is turned into a bundle.

    A ``Path`` source is a diffusers folder or a ``.safetensors`` file in the original layout.
    ``scheduler`` names a diffusers class that replaces the checkpoint's own;
    ``scheduler_config`` overrides parts of the checkpoint's scheduler configuration.
    ``guidance`` is baked into networks that take a guidance embedding (LCM); the others run
    without guidance. ``size`` is (width, height), None for the checkpoint's own. ``vae`` is
    ``full``, ``taesd`` (the spec's ``tiny_vae``) or the path of a folder.
    """

    name: str
    source: Hub | Path
    about: str
    licence: str = "see the checkpoint"
    scheduler: str | None = None
    scheduler_config: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    steps: tuple[int, ...] = (1, 2, 3, 4)
    default_steps: int = 1
    guidance: float = 8.0
    size: tuple[int, int] | None = None
    vae: str = "full"
    tiny_vae: Hub | None = None
    loras: tuple[Lora, ...] = ()
    tokenizer: Path | None = None
    """for a single file, which carries none: a folder with CLIP's; by default from the hub"""
    precision: Precision = "f32"
    unet: Hub | Path | None = None
    """a ``.safetensors`` file with diffusers' names that takes the place of the UNet's weights"""
    timesteps: Mapping[int, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """step count → the timesteps it was trained at, where they are not the scheduler's own"""
    eta: float = 0.0
    """how much of the noise is fresh at every step, 0 to 1, for TCD and DDIM"""
    prediction: Prediction | None = None
    """what the network predicts, where the checkpoint does not say or says it wrong"""


TAESD = Hub("madebyollin/taesd", "614f76814bbe30edbe2e627ace1c2234c81a2c0e")
TAESDXL = Hub("madebyollin/taesdxl", "b20258aaef75ef61e659c1e0f14f251cf0ad153e")
CLIP = Hub("openai/clip-vit-large-patch14", "32bd64288804d66eefd0ccbe215aa642df71cc41")
"""the tokenizer that Stable Diffusion 1, 2 and XL share"""

SD15 = Hub(
    "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
    variant="fp16",
)
SDXL = Hub(
    "stabilityai/stable-diffusion-xl-base-1.0",
    "462165984030d82259a11f4367a4eed129e94a7b",
    variant="fp16",
)
HYPER = Hub("ByteDance/Hyper-SD", "1506f97a299cc5a8c4afbb3c5dfcafce1bd36ca8")
DMD2 = Hub("tianweiy/DMD2", "be22767697a1f3ca656b73c776e15fa335c86c6c")

LCM_LORA = Hub(
    "latent-consistency/lcm-lora-sdv1-5",
    "cf2fced511dbe7e26c8d1d397e728fbab875db4b",
    "pytorch_lora_weights.safetensors",
)
LIGHTNING_LORA = Hub(
    "ByteDance/SDXL-Lightning",
    "c9a24f48e1c025556787b0c58dd67a091ece2e44",
    "sdxl_lightning_4step_lora.safetensors",
)
VEGA_LORA = Hub(
    "segmind/Segmind-VegaRT",
    "3162e917016cef536fa040ceeeeadd9e09d93e7a",
    "pytorch_lora_weights.safetensors",
)

TRAILING = MappingProxyType({"timestep_spacing": "trailing"})
# Stable Diffusion 1 and 2, and XL, with the small decoder of each
_SMALL = partial(ModelSpec, vae="taesd", tiny_vae=TAESD)
_LARGE = partial(ModelSpec, size=(1024, 1024), vae="taesd", tiny_vae=TAESDXL)

_PRESETS = (
    ModelSpec(
        name="critters",
        source=Path(__file__).parents[1] / "critters" / "model",
        about="the built-in model: small animals, 256x256, made for this program",
        licence="Apache-2.0",
    ),
    _SMALL(
        name="sd-turbo",
        source=Hub(
            "stabilityai/sd-turbo", "b261bac6fd2cf515557d5d0707481eafa0485ec2", variant="fp16"
        ),
        about="SD-Turbo: Stable Diffusion 2.1 in one step, 512x512",
        licence="Stability AI Community License",
        scheduler_config=TRAILING,
        size=(512, 512),
    ),
    _SMALL(
        name="sd15-lcm",
        source=SD15,
        about="Stable Diffusion 1.5 with the LCM LoRA, 512x512 in two to four steps",
        licence="CreativeML Open RAIL-M; the LoRA: Open RAIL++-M",
        scheduler="LCMScheduler",
        default_steps=4,
        loras=(Lora(LCM_LORA),),
    ),
    _SMALL(
        name="lcm-dreamshaper",
        source=Hub("SimianLuo/LCM_Dreamshaper_v7", "a85df6a8bd976cdd08b4fd8f3b73f229c9e54df5"),
        about="LCM Dreamshaper v7, guidance baked in, 512x512 in two to four steps",
        licence="MIT; Dreamshaper: CreativeML Open RAIL-M",
        default_steps=4,
        guidance=8.0,
        size=(512, 512),
    ),
    ModelSpec(
        name="sdxs-512",
        source=Hub("IDKiro/sdxs-512-dreamshaper", "76f720262bb051da75666b22c902a78c8e16c763"),
        about="SDXS-512 Dreamshaper: a small one-step network with a tiny decoder",
        licence="Open RAIL++-M",
        steps=(1,),
    ),
    _LARGE(
        name="sdxl-turbo",
        source=Hub(
            "stabilityai/sdxl-turbo", "71153311d3dbb46851df1931d3ca6e939de83304", variant="fp16"
        ),
        about="SDXL-Turbo: Stable Diffusion XL in one step, 512x512",
        licence="Stability AI Non-Commercial Research Community License",
        scheduler_config=TRAILING,
        size=(512, 512),
    ),
    _LARGE(
        name="sdxl-lightning",
        source=SDXL,
        about="SDXL with the Lightning LoRA, 1024x1024 in four steps",
        licence="CreativeML Open RAIL++-M",
        scheduler="EulerDiscreteScheduler",
        scheduler_config=TRAILING,
        steps=(4,),
        default_steps=4,
        loras=(Lora(LIGHTNING_LORA),),
    ),
    _SMALL(
        name="hyper-sd15",
        source=SD15,
        about="Stable Diffusion 1.5 with the Hyper-SD LoRA, 512x512 in one step",
        licence="CreativeML Open RAIL-M; the LoRA: CreativeML Open RAIL++-M",
        scheduler="TCDScheduler",
        eta=1.0,
        steps=(1,),
        loras=(Lora(replace(HYPER, file="Hyper-SD15-1step-lora.safetensors")),),
    ),
    _LARGE(
        name="hyper-sdxl",
        source=SDXL,
        about="SDXL with the Hyper-SD LoRA, 1024x1024 in one step",
        licence="CreativeML Open RAIL++-M",
        scheduler="TCDScheduler",
        eta=1.0,
        steps=(1, 2, 4, 8),
        loras=(Lora(replace(HYPER, file="Hyper-SDXL-1step-lora.safetensors")),),
    ),
    _LARGE(
        name="vega-rt",
        source=Hub(
            "segmind/Segmind-Vega", "171937af435f73f0ae4c4bbaa77e4d4cd51452eb", variant="fp16"
        ),
        about="Segmind-Vega, 70 % smaller than SDXL, with VegaRT: 1024x1024 in four steps",
        licence="Apache-2.0",
        scheduler="LCMScheduler",
        steps=(2, 3, 4),
        default_steps=4,
        loras=(Lora(VEGA_LORA),),
    ),
    _LARGE(
        name="dmd2-sdxl",
        source=SDXL,
        about="SDXL with the DMD2 LoRA, 1024x1024 in four steps",
        licence="CreativeML Open RAIL++-M; the LoRA: CC BY-NC 4.0, no commercial use",
        scheduler="LCMScheduler",
        timesteps=MappingProxyType({4: (999, 749, 499, 249)}),
        steps=(4,),
        default_steps=4,
        loras=(Lora(replace(DMD2, file="dmd2_sdxl_4step_lora_fp16.safetensors")),),
    ),
    _LARGE(
        name="dmd2-sdxl-1step",
        source=SDXL,
        about="SDXL's UNet by DMD2, 1024x1024 in one step; published as a pickle only: "
        "convert it and give it with --unet",
        licence="CreativeML Open RAIL++-M; the UNet: CC BY-NC 4.0, no commercial use",
        scheduler="LCMScheduler",
        timesteps=MappingProxyType({1: (399,)}),
        steps=(1,),
        unet=replace(DMD2, file="dmd2_sdxl_1step_unet_fp16.bin"),
    ),
)
MODELS: Mapping[str, ModelSpec] = MappingProxyType({spec.name: spec for spec in _PRESETS})
