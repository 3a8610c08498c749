"""``render(request)`` turns weights into a frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import groupby
from typing import Any, Self

import numpy as np

from runtime.bundles.bundle import Bundle
from runtime.bundles.library import find_bundle
from runtime.engines.childengine import ChildEngine
from runtime.engines.choose import choose
from runtime.engines.engine import Cancellable, Engine, Floats, Overlapping, Rendered
from runtime.engines.recovery import Recovery
from runtime.engines.resident import Mixture, Resident, prompts_of
from runtime.errors import RequestError
from runtime.mixing.embeddings import Embedding, Embeddings, checked
from runtime.mixing.mix import Plan
from runtime.planner import Planner, plan_key
from runtime.request import EditScope, Frame, Interp, Pixels, Request
from runtime.version import library_version, program_version


class Pipeline:
    """A bundle on an engine. Not thread-safe: one thread renders at a time."""

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        planner: Planner | None = None,
        reopen: Callable[[], Engine] | None = None,
    ) -> None:
        """Serve ``bundle`` on ``engine``, which the pipeline closes with itself.

        ``planner`` is that of the bundle, where it is at hand already. ``reopen`` opens an engine
        that takes the place of one whose GPU was lost.
        """
        self.bundle = bundle
        self.planner = planner or Planner(bundle.manifest, bundle.folder)
        self._resident = Resident(bundle.manifest)
        self._recovery = Recovery(engine, reopen, self._resident.forget)
        self._embeddings = Embeddings(lambda prompt: self.engine.encode(self.planner.ids(prompt)))
        self._basis_of = lru_cache(maxsize=8)(self._make_basis)

    @classmethod
    def open(
        cls,
        model: str = "critters",
        *,
        backend: str = "auto",
        precision: str = "auto",
        size: tuple[int, int] | None = None,
        passed_over: Callable[[str], None] = lambda reason: None,
    ) -> Self:
        """Open a model by name or bundle folder on the best engine runtime of this machine.

        ``passed_over`` is told, a line each, why an engine runtime that works here is not used.

        Raises:
            BundleError: an unknown name or a damaged bundle.
            RequestError: ``size`` is not the (width, height) the bundle was built for.
            EngineError: the backend or precision asked for cannot run here.
        """
        bundle = find_bundle(model)
        planner = Planner(bundle.manifest, bundle.folder)
        planner.check_size(size)
        engine = choose(bundle, backend, precision, passed_over)
        reopen = partial(ChildEngine, bundle.folder, engine.precision, engine.name)
        return cls(bundle, engine, planner, reopen)

    @property
    def engine(self) -> Engine:
        """What draws: another than at first, once the GPU of that was lost."""
        return self._recovery.engine

    @property
    def default_steps(self) -> int:
        """The step count the model was made for."""
        return self.bundle.manifest.default_steps

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of every frame, in pixels."""
        return self.bundle.manifest.width, self.bundle.manifest.height

    def settings(self) -> dict[str, Any]:
        """Return what the model and the engine decide of a picture, for its metadata."""
        return {
            "model": self.bundle.manifest.model,
            "digest": self.bundle.digest(),
            "width": self.size[0],
            "height": self.size[1],
            "engine": self.engine.name,
            "precision": self.engine.precision,
            "version": program_version(),
        }

    def drawn_by(self) -> dict[str, str]:
        """Return what besides decides the last digits of a picture, and is nobody else's business:
        the processor or GPU, and the version of the library that runs the graphs."""
        return {"device": self.engine.device, "library": library_version(self.engine.name)}

    def request(self, expression: str, t: float = 0.0, **fields: Any) -> Request:
        """Make a request with the model's default step count, checked as ``check`` does.

        ``fields`` are the other fields of ``Request``.
        """
        return self.planner.request(expression, t=t, **fields)

    def plan(self, request: Request) -> Plan:
        """Return the request's expression resolved to prompts, token rows and weights."""
        return self.planner.plan(request)

    def check(self, request: Request) -> None:
        """Raise RequestError or ExpressionError if this model cannot render the request."""
        self.planner.check(request)

    def embed(self, prompt: str) -> Embedding:
        """Return what the text encoder makes of a prompt, cached and so read-only.

        Raises:
            RequestError: the prompt has more tokens than the model reads.
            EngineError: the engine failed.
        """
        return self._recovery.run(lambda: self._embeddings.of(prompt))

    def conditioning(self, request: Request) -> Embedding:
        """Return what the denoiser hears: the mixed embedding of a request's position.

        Raises:
            ExpressionError, RequestError: the request cannot be served by this model.
        """
        self.check(request)
        basis, pooled = self._recovery.run(lambda: self._basis_of(*plan_key(request)))
        mixture = self._mixture(request, basis)
        rows = np.einsum("kt,ktd->td", mixture.weights, basis)
        if pooled is None or mixture.pooled_weights is None:
            return Embedding(rows, None)
        return Embedding(rows, mixture.pooled_weights @ pooled)

    def draw(
        self, embedding: Embedding | Floats, *, seed: int = 0, steps: int | None = None
    ) -> Pixels:
        """Draw what an edited embedding shows: numpy in, numpy out.

        ``embedding`` is a float array [T, D], or an Embedding for models with a pooled vector.
        Returns uint8 [H, W, 3] RGB.

        Raises:
            RequestError: an array of another shape or with values that are not finite, or a seed
                or step count the model cannot serve.
        """
        manifest = self.bundle.manifest
        given = checked(embedding, manifest)
        request = Request("", seed=seed, steps=self.default_steps if steps is None else steps)
        self.planner.check_steps(request.steps)
        one = np.ones((1, manifest.tokens), np.float32)
        mixture = Mixture((0,), one, one[:, 0] if manifest.pooled else None)
        basis, pooled = given.rows[None], None if given.pooled is None else given.pooled[None]

        def rendered() -> Rendered:
            loaded = self._resident.load(self.engine, None, request, [mixture], basis, pooled)
            return self._begin_loaded(request.steps, *loaded)()

        pixels: Pixels = self._recovery.run(rendered).pixels[0]
        return pixels

    def render(self, request: Request) -> Frame:
        """Render one frame; the same request gives the same pixels.

        Raises:
            ExpressionError, RequestError: the request cannot be served by this model.
            EngineError: the engine failed.
        """
        return self._recovery.run(lambda: self._render_batch([request]))[0]

    def render_many(self, requests: Sequence[Request]) -> list[Frame]:
        """Render several frames, batched where the engine can.

        The pixels are those of ``render`` on engines of batch 1; a GPU rounds a batch differently,
        by at most 2/255.
        """
        return list(self.frames(requests))

    def frames(self, requests: Sequence[Request]) -> Iterator[Frame]:
        """Yield frames in order, with the pixels of ``render_many``.

        One engine batch is in memory at a time; on a GPU two, as the next is drawn while one is
        taken.
        """
        drawing: Callable[[], list[Frame]] | None = None
        for batch in self._batches_of(requests):
            begun = self._begin(batch)
            if drawing is not None:
                yield from drawing()
            drawing = begun
            if not isinstance(self.engine, Overlapping):
                yield from drawing()
                drawing = None
        if drawing is not None:
            yield from drawing()

    def _batches_of(self, requests: Sequence[Request]) -> Iterator[list[Request]]:
        """Cut into batches the engine has: the largest that is full, then single frames."""
        for _, group in groupby(requests, key=_shared):
            left = list(group)
            while left:
                largest = max(self.engine.batches)  # it may give up batches on the way
                count = largest if len(left) >= largest else 1
                yield left[:count]
                del left[:count]

    def _begin(self, requests: list[Request]) -> Callable[[], list[Frame]]:
        """Begin a batch; what is returned waits for its frames.

        Where the GPU is lost meanwhile, that draws them again, on the engine that goes on.
        """
        begun = self._recovery.run(lambda: self._begin_batch(requests))
        engine = self.engine

        def frames() -> list[Frame]:
            return begun() if self.engine is engine else self._render_batch(requests)

        return lambda: self._recovery.run(frames)

    def cancel(self) -> None:
        """Give up the frame that is being drawn; call it from any thread.

        ``render`` raises FrameCancelled then. Nothing happens where no frame is being drawn, and on
        an engine that draws it in one piece, as a CUDA graph.
        """
        engine = self.engine
        if isinstance(engine, Cancellable):
            engine.cancel()

    def close(self) -> None:
        """Release the engine."""
        self._recovery.close()

    def __enter__(self) -> Self:  # noqa: D105
        return self

    def __exit__(self, *raised: object) -> None:  # noqa: D105
        self.close()

    def _render_batch(self, requests: Sequence[Request]) -> list[Frame]:
        return self._begin_batch(requests)()

    def _begin_batch(self, requests: Sequence[Request]) -> Callable[[], list[Frame]]:
        """Begin frames that share their basis, noise and steps."""
        start = time.perf_counter()
        first = requests[0]
        self.check(first)
        basis, pooled = self._basis_of(*plan_key(first))
        embedded = time.perf_counter()
        mixtures = [self._mixture(request, basis) for request in requests]
        chosen = prompts_of(mixtures)
        if len(chosen) > self.bundle.manifest.basis:
            if len(requests) > 1:
                singles = [frame for request in requests for frame in self._render_batch([request])]
                return lambda: singles
            raise RequestError(
                f"{len(chosen)} prompts are mixed in one frame, "
                f"the model holds {self.bundle.manifest.basis}: use fewer terms"
            )
        loaded = self._resident.load(self.engine, plan_key(first), first, mixtures, basis, pooled)
        mixed = time.perf_counter()
        begun = self._begin_loaded(first.steps, *loaded)
        ours = {"text": (embedded - start) * 1e3, "mix": (mixed - embedded) * 1e3}
        drawn = not isinstance(self.engine, Overlapping)
        total = (time.perf_counter() - start) * 1e3 if drawn else None
        return lambda: _frames_of(begun(), requests, ours, total)

    def _begin_loaded(
        self, steps: int, weights: Floats, pooled_weights: Floats | None
    ) -> Callable[[], Rendered]:
        """Begin frames of what is resident; an engine that does one thing after the other draws
        them at once.
        """
        table = self.bundle.manifest.steps[steps]
        if isinstance(self.engine, Overlapping):
            return self.engine.begin(weights, pooled_weights, table)
        rendered = self.engine.render(weights, pooled_weights, table)
        return lambda: rendered

    def _mixture(self, request: Request, basis: Floats) -> Mixture:
        made = self.plan(request)
        weights = made.weights(request.t, request.u, basis)
        active = np.abs(weights).max(axis=1) > 0
        pooled_weights = None
        if self.bundle.manifest.pooled:
            pooled_weights = made.pooled_weights(request.t, request.u)
            active |= pooled_weights != 0
        return Mixture(tuple(np.flatnonzero(active).tolist()), weights, pooled_weights)

    def _make_basis(
        self, expression: str, edit: EditScope, edit_row: int | None, interp: Interp
    ) -> tuple[Floats, Floats | None]:
        request = Request(expression, edit=edit, edit_row=edit_row, interp=interp)
        return self._embeddings.basis(self.planner.plan(request))


def _shared(request: Request) -> tuple[object, ...]:
    """What the frames of one batch have in common: the basis, the noise and the steps."""
    return *plan_key(request), request.seed, request.steps


def _frames_of(
    rendered: Rendered,
    requests: Sequence[Request],
    ours: Mapping[str, float],
    total: float | None,
) -> list[Frame]:
    """Return a batch as frames, whose milliseconds are their share of the batch's.

    ``ours`` has those that were not the engine's; ``total`` is all of it, their sum where frames
    overlapped.
    """
    times = {**ours, "denoise": rendered.denoise_ms, "decode": rendered.decode_ms}
    times["total"] = sum(times.values()) if total is None else total
    shares = {stage: taken / len(requests) for stage, taken in times.items()}
    frames = []
    for request, pixels in zip(requests, rendered.pixels, strict=True):
        pixels.flags.writeable = False
        frames.append(Frame(pixels, request, shares))
    return frames
