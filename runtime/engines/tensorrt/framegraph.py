"""One frame as one captured CUDA graph, and the buffers it runs on.

Two frames may be under way: while one's pixels are taken out of pinned memory, the GPU is at work
on the next. Both run on the same buffers of the GPU, one after the other on one stream; what the
host writes and reads, two pinned buffers, each has for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime.bundles.manifest import Manifest, Step
from runtime.engines.engine import TOTAL, Floats, warn_no_cuda_graph
from runtime.engines.tensorrt.device import Device, aligned
from runtime.engines.tensorrt.module import trt
from runtime.engines.tensorrt.network import Network
from runtime.errors import EngineError


@dataclass(frozen=True, slots=True)
class BoundNetwork:
    """A network and its context for one batch size."""

    network: Network
    context: trt.IExecutionContext


class Slot:
    """What the host writes and reads for one frame under way."""

    def __init__(self, gpu: Device, up: int, down: int) -> None:
        """Take ``up`` and ``down`` bytes of pinned memory."""
        self.up, self.down = gpu.pin(up), gpu.pin(down)
        self.done = gpu.event()
        self.graph: Any = None
        """captured with this slot's addresses in it"""
        self.busy = False
        """whether a frame was begun that nobody took yet"""


class FrameGraph:
    """The buffers and the captured graph of one batch size and step table."""

    def __init__(
        self,
        manifest: Manifest,
        gpu: Device,
        batch: int,
        steps: tuple[Step, ...],
        stages: Mapping[str, BoundNetwork],
        resident: Mapping[str, int],
    ) -> None:
        """Take memory on ``gpu``; ``resident`` has the addresses of the basis."""
        self._gpu, self._batch, self._steps = gpu, batch, steps
        self._stages = stages
        self.stale = True
        self.uncapturable = False
        """whether a network refused to be recorded after the first run"""
        self._capturing = not any(stage.network.captures_itself for stage in stages.values())
        self.ready = False
        """whether a frame has run: the next may be begun while one is under way"""

        weights = batch * manifest.basis * manifest.tokens * 4
        pooled = batch * manifest.basis * 4 if manifest.pooled else 0
        self._pooled_at = aligned(weights)
        self._inputs = gpu.allocate(self._pooled_at + pooled)

        self._frame = (batch, manifest.height, manifest.width, 3)
        self._picture = (batch, *manifest.latent)
        self._latent_at = aligned(int(np.prod(self._frame)))
        latent = int(np.prod(self._picture)) * 4
        self._total_at = self._latent_at + aligned(latent)
        self._judges = stages["decoder"].network.has(TOTAL)
        self._outputs = gpu.allocate(self._total_at + 4 * batch)
        self._sizes = self._pooled_at + pooled, self._total_at + 4 * batch
        self._slots = [Slot(gpu, *self._sizes)]

        self._first = gpu.allocate(latent)
        self._fresh = [gpu.allocate(latent) for _ in steps]
        turns = [gpu.allocate(latent) for _ in steps[1:]]
        self._samples = [self._first, *turns, self._outputs + self._latent_at]
        slot = aligned(16)
        table = np.zeros((len(steps), 2, slot // 4), np.float32)
        for row, step in zip(table, steps, strict=True):
            row[0, 0] = step.timestep
            row[1, :4] = step.scale, step.sample, step.output, step.noise
        self._table = gpu.allocate(table.nbytes)
        gpu.upload(self._table, table)
        self._slot = slot
        self._resident = {**resident, "weights": self._inputs}
        if manifest.pooled:
            self._resident["pooled_weights"] = self._inputs + self._pooled_at

    def load_noise(self, noise: Floats, sigma: float) -> None:
        """Make noise [S, C, h, w] resident, the first scaled by ``sigma``."""

        def batched(one: Floats) -> Floats:
            return np.repeat(one.astype(np.float32)[None], self._batch, axis=0)

        self._gpu.upload(self._first, batched(noise[0] * np.float32(sigma)))
        wanting = [at for at, step in zip(self._fresh, self._steps, strict=True) if step.noise]
        for at, one in zip(wanting, noise[1:], strict=False):
            self._gpu.upload(at, batched(one))
        self.stale = False

    def begin(self, weights: Floats, pooled_weights: Floats | None) -> Slot:
        """Put a frame on the stream; at most one other may be under way. ``end`` waits for it.

        A frame that was begun and never taken is given up.
        """
        slot = self._free_slot()
        up = slot.up.array
        up[: weights.nbytes].view(np.float32)[:] = weights.ravel()
        if pooled_weights is not None:
            up[self._pooled_at :].view(np.float32)[:] = pooled_weights.ravel()
        if slot.graph is None and self.ready and self._capturing:
            self._capture(slot)
        if slot.graph is not None:
            self._gpu.launch(slot.graph)
        else:
            self._enqueue(slot)
        self._gpu.record(slot.done)
        slot.busy = True
        return slot

    def end(self, slot: Slot) -> tuple[NDArray[np.uint8], Floats, Floats | None]:
        """Wait for a frame; return copies of the pixels uint8 [B, H, W, 3], the last latent f32
        [B, C, h, w] and, where the decoder gives it, the total f32 [B].
        """
        self._gpu.wait_for(slot.done)
        down = slot.down.array
        pixels = down[: int(np.prod(self._frame))].reshape(self._frame).copy()
        floats = down[self._latent_at :].view(np.float32)
        latent = floats[: int(np.prod(self._picture))].reshape(self._picture).copy()
        total = down[self._total_at :].view(np.float32).copy() if self._judges else None
        slot.busy = False
        if not self.ready:
            self.ready = True
            for stage in self._stages.values():
                stage.network.at_rest()
            if self._capturing:
                self._settle(slot)
        return pixels, latent, total

    def _free_slot(self) -> Slot:
        for slot in self._slots:
            if not slot.busy:
                return slot
        if len(self._slots) == 1:
            self._slots.append(Slot(self._gpu, *self._sizes))
            return self._slots[1]
        slot = self._slots.pop(0)  # the one begun first
        self._slots.append(slot)
        self._gpu.wait_for(slot.done)
        return slot

    def _settle(self, slot: Slot) -> None:
        """Capture after a plain run: the first one allocates, which no graph may."""
        if all(s.network.is_capturable(s.context, self._gpu) for s in self._stages.values()):
            self._capture(slot)
        else:
            self.uncapturable, self._capturing = True, False

    def _enqueue(self, slot: Slot) -> None:
        self._gpu.enqueue_upload(self._inputs, slot.up)
        denoiser, decoder = self._stages["denoiser"], self._stages["decoder"]
        for index, fresh in enumerate(self._fresh):
            places = self._resident | {
                "sample": self._samples[index],
                "timestep": self._table + 2 * index * self._slot,
                "coefficients": self._table + (2 * index + 1) * self._slot,
                "noise": fresh,
                "next_sample": self._samples[index + 1],
            }
            denoiser.network.enqueue(denoiser.context, places, self._gpu)
        places = {"latent": self._samples[-1], "pixels": self._outputs}
        if self._judges:
            places[TOTAL] = self._outputs + self._total_at
        decoder.network.enqueue(decoder.context, places, self._gpu)
        self._gpu.enqueue_download(slot.down, self._outputs)

    def _capture(self, slot: Slot) -> None:
        try:
            slot.graph = self._gpu.capture(lambda: self._enqueue(slot))
        except EngineError as error:
            self._capturing = False
            warn_no_cuda_graph("the frame runs", error)
