"""Frames on an NVIDIA GPU through TensorRT: the whole frame is one captured CUDA graph.

The weights go up in one copy, the sampler's steps and the decoder run on buffers that never
leave the GPU, and the pixels come down in one copy to pinned memory. ``tensorrt`` and
``tensorrt_rtx`` share this code.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from runtime.bundles.bundle import Bundle
from runtime.bundles.manifest import ROLES, Step
from runtime.enginecache.cache import EngineCache
from runtime.engines.engine import (
    Floats,
    Rendered,
    check_finite,
    check_precision,
    check_total,
    one_by_one,
    warn_no_batches,
)
from runtime.engines.engine import suited_precision as suited_precision
from runtime.engines.gpu import Gpu, find_gpu, no_gpu_line
from runtime.engines.tensorrt.device import Device
from runtime.engines.tensorrt.enginekey import (
    BATCHES,
    RTX_CAPABILITIES,
    build_command,
    verification_key,
)
from runtime.engines.tensorrt.framegraph import BoundNetwork, FrameGraph
from runtime.engines.tensorrt.module import PACKAGES, load_module
from runtime.engines.tensorrt.network import Network
from runtime.engines.verified import read_verified
from runtime.errors import DeviceLost, EngineError

Made = tuple[NDArray[np.uint8], Floats, Floats | None]
"""pixels uint8 [B, H, W, 3], the last latent f32 [B, C, h, w], the decoder's total f32 [B]"""


def available(backend: str = "tensorrt") -> str | None:
    """Return None if the backend can be used, else one line: why not, and what would add it."""
    install = f"add it with: pip install {PACKAGES[backend]} cuda-bindings"
    try:
        load_module(backend)
        gpu = find_gpu()
    except EngineError as error:
        return f"{error}; {install}"
    if gpu is None:
        return no_gpu_line()
    if backend == "tensorrt_rtx" and gpu.capability not in RTX_CAPABILITIES:
        return (
            f"{gpu.name} (compute capability {gpu.capability}) is no RTX card, which is all it "
            f"serves; use tensorrt: pip install {PACKAGES['tensorrt']}"
        )
    return None


def open_engine(bundle: Bundle, precision: str, backend: str = "tensorrt") -> TensorRtEngine:
    """Load the engines that were built for this bundle and this GPU.

    Raises:
        EngineError: they were not built (with what differs and the command that builds them), do
            not verify, were never seen to draw what the CPU draws, cannot be loaded, or compute in
            another precision than asked for.
    """
    gpu = find_gpu()
    if gpu is None:
        raise EngineError(no_gpu_line())
    cache = EngineCache()
    engine = TensorRtEngine(bundle, precision, backend, gpu, cache)
    if not read_verified(
        cache, verification_key(bundle, backend, engine.version, gpu, engine.digests)
    ):
        engine.close()
        model = bundle.manifest.model
        raise EngineError(
            f"the {backend} engines of {model} were not yet compared with the CPU; "
            f"run: {build_command(model)}"
        )
    return engine


class TensorRtEngine:
    """A bundle's three engines on one GPU; the protocol is ``runtime.engines.engine.Engine``."""

    def __init__(
        self, bundle: Bundle, precision: str, backend: str, gpu: Gpu, cache: EngineCache
    ) -> None:
        """Load the engines; contexts and CUDA graphs are made when a shape is first rendered."""
        manifest = bundle.manifest
        check_precision(bundle, precision, backend)
        self.batches: tuple[int, ...] = BATCHES
        self.name, self.precision, self.device = backend, manifest.precision, gpu.name
        self._manifest = manifest
        self._networks = {role: Network(bundle, role, backend, gpu, cache) for role in ROLES}
        self.version = str(load_module(backend).__version__)
        self.digests = {role: network.sha256 for role, network in self._networks.items()}
        """role → the sha256 of its engine"""
        self._gpu = Device()
        try:
            self._text = self._networks["text_encoder"].context(self._gpu, 0)
            rows = manifest.basis * manifest.tokens * manifest.embedding
            self._basis = self._gpu.allocate(rows * 4)
            self._pooled = self._gpu.allocate(manifest.basis * max(1, manifest.pooled) * 4)
        except EngineError:
            self._gpu.close()
            raise
        self._base = self._gpu.mark()
        self._encoded = False
        self._noise: Floats | None = None
        self._frames: dict[tuple[int, tuple[Step, ...]], FrameGraph] = {}
        self._stages: dict[int, dict[str, BoundNetwork]] = {}
        self._under_way: list[_UnderWay] = []
        self._ended = 0.0
        """when the last frame was taken"""

    def encode(self, input_ids: tuple[NDArray[np.int64], ...]) -> tuple[Floats, Floats | None]:
        """See ``Engine.encode``."""
        manifest, gpu = self._manifest, self._gpu
        outputs: dict[str, Floats] = {
            "embedding": np.empty((manifest.tokens, manifest.embedding), np.float32)
        }
        if manifest.pooled:
            outputs["pooled"] = np.empty(manifest.pooled, np.float32)
        network, places = self._networks["text_encoder"], {}
        mark = gpu.mark()
        try:
            for name, ids in zip(("input_ids", "input_ids_2"), input_ids, strict=False):
                places[name] = gpu.allocate(ids.nbytes)
                gpu.upload(places[name], ids)
            for name, array in outputs.items():
                places[name] = gpu.allocate(array.nbytes)
            network.enqueue(self._text, places, gpu)
            gpu.wait("encoding the text")
            for name, array in outputs.items():
                gpu.download(array, places[name])
        finally:
            gpu.release(mark)
        if not self._encoded:
            network.at_rest()
            self._encoded = True
        return outputs["embedding"], outputs.get("pooled")

    def load_basis(self, basis: Floats, pooled: Floats | None) -> None:
        """See ``Engine.load_basis``."""
        self._gpu.upload(self._basis, basis.astype(np.float32, copy=False))
        if pooled is not None:
            self._gpu.upload(self._pooled, pooled.astype(np.float32, copy=False))

    def load_noise(self, noise: Floats) -> None:
        """See ``Engine.load_noise``."""
        self._noise = noise
        for frame in self._frames.values():
            frame.stale = True

    def render(
        self, weights: Floats, pooled_weights: Floats | None, steps: tuple[Step, ...]
    ) -> Rendered:
        """See ``Engine.render``."""
        return self.begin(weights, pooled_weights, steps)()

    def begin(
        self, weights: Floats, pooled_weights: Floats | None, steps: tuple[Step, ...]
    ) -> Callable[[], Rendered]:
        """See ``Overlapping.begin``."""
        start = time.perf_counter()
        manifest = self._manifest
        if self._noise is None:
            raise EngineError("render was called before load_noise")
        batch = len(weights)
        if batch not in BATCHES or weights.shape[1:] != (manifest.basis, manifest.tokens):
            raise EngineError(
                f"weights of shape {weights.shape} are outside the engine's profiles: use "
                f"{' or '.join(map(str, BATCHES))} frames of {manifest.basis} prompts x "
                f"{manifest.tokens} tokens"
            )
        frame = self._frames.get((batch, steps))
        if frame is not None and frame.ready:
            return self._begin(frame, start, weights, pooled_weights)
        for begun in list(self._under_way):
            begun.take()  # making a frame's buffers may do away with those of another
        made = self._first(weights, pooled_weights, steps) if batch in self.batches else None
        if made is None:
            rendered = one_by_one(
                lambda one, pooled: self.render(one, pooled, steps), weights, pooled_weights
            )
        else:
            rendered = _checked(made, start)
        return lambda: rendered

    def close(self) -> None:
        """See ``Engine.close``."""
        self._frames.clear()
        self._stages.clear()
        del self._text
        self._networks.clear()
        self._gpu.close()

    def _begin(
        self, frame: FrameGraph, start: float, weights: Floats, pooled_weights: Floats | None
    ) -> Callable[[], Rendered]:
        self._refresh(frame)
        slot = frame.begin(weights, pooled_weights)
        begun = _UnderWay(lambda: frame.end(slot), self._under_way)

        def rendered() -> Rendered:
            since = max(start, self._ended)
            made = begun.take()
            self._ended = time.perf_counter()
            return _checked(made, since)

        return rendered

    def _refresh(self, frame: FrameGraph) -> None:
        if frame.stale:
            assert self._noise is not None
            frame.load_noise(self._noise, self._manifest.init_noise_sigma)

    def _first(
        self, weights: Floats, pooled_weights: Floats | None, steps: tuple[Step, ...]
    ) -> Made | None:
        """Render the first frame of a batch size and step table; None if the GPU has no room."""
        batch = len(weights)
        mark = self._gpu.mark()
        try:
            frame = self._frame(batch, steps)
            self._refresh(frame)
            made = frame.end(frame.begin(weights, pooled_weights))
            self._frames[batch, steps] = frame
            if frame.uncapturable:
                self._let_networks_capture()
            return made
        except DeviceLost:
            raise
        except EngineError as error:
            self._give_up(batch, mark)
            if batch == 1:
                raise
            self.batches = (1,)
            warn_no_batches(self.name, error)
            return None

    def _frame(self, batch: int, steps: tuple[Step, ...]) -> FrameGraph:
        stages = self._stages.get(batch)
        if stages is None:
            index = BATCHES.index(batch)
            stages = self._stages[batch] = {
                role: BoundNetwork(
                    self._networks[role], self._networks[role].context(self._gpu, index)
                )
                for role in ("denoiser", "decoder")
            }
        resident = {"basis": self._basis}
        if self._manifest.pooled:
            resident["pooled_basis"] = self._pooled
        return FrameGraph(self._manifest, self._gpu, batch, steps, stages, resident)

    def _let_networks_capture(self) -> None:
        """Make contexts anew that capture CUDA graphs of their own: their runs cannot be recorded.

        A frame is then a few launches instead of one.
        """
        self._gpu.wait()
        self._frames.clear()
        self._stages.clear()
        self._gpu.release(self._base)
        for role in ("denoiser", "decoder"):
            self._networks[role].captures_itself = True

    def _give_up(self, batch: int, mark: tuple[int, int]) -> None:
        """Release what a frame took that failed before it was ever whole."""
        with contextlib.suppress(EngineError):  # whatever of it is still on the stream
            self._gpu.wait()
        self._gpu.release(mark)
        if not any(other == batch for other, _ in self._frames):
            self._stages.pop(batch, None)  # their contexts hold scratch memory


class _UnderWay:
    """A frame that was begun; its pixels are taken once."""

    def __init__(self, end: Callable[[], Made], others: list[_UnderWay]) -> None:
        self._end, self._others = end, others
        self._made: Made | None = None
        others.append(self)
        del others[:-2]  # those before were given up: their buffers serve others by now

    def take(self) -> Made:
        if self._made is None:
            if self not in self._others:
                raise EngineError("a frame was taken after two others had been begun")
            self._others.remove(self)
            self._made = self._end()
        return self._made


def _checked(made: Made, since: float) -> Rendered:
    pixels, latent, total = made
    check_finite(latent)
    check_total(total)
    return Rendered(pixels, (time.perf_counter() - since) * 1e3, 0.0)
