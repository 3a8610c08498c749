"""One deserialised TensorRT engine: loaded from the cache, checked, and set to fixed shapes."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.bundles.bundle import Bundle
from runtime.enginecache.cache import EngineCache
from runtime.enginecache.entry import Entry, EntryKey
from runtime.engines.gpu import Gpu
from runtime.engines.tensorrt.device import Device
from runtime.engines.tensorrt.enginekey import JIT, PLAN, build_command, engine_key, profiles
from runtime.engines.tensorrt.module import load_module, make_log, trt
from runtime.errors import EngineError, MorphError


class Network:
    """One deserialised engine and its error log."""

    def __init__(
        self, bundle: Bundle, role: str, backend: str, gpu: Gpu, cache: EngineCache
    ) -> None:
        """Load the engine of one graph.

        Raises:
            EngineError: it was not built for this GPU (with the field that differs), does not
                verify, or TensorRT will not load it (with its error log).
        """
        self._module = load_module(backend)
        self._role, self._backend, self._cache = role.replace("_", " "), backend, cache
        self._shapes = profiles(bundle.manifest, role)
        self.captures_itself = False
        """whether new contexts make CUDA graphs of their own (``tensorrt_rtx``)"""
        key = engine_key(bundle, role, backend, str(self._module.__version__), gpu)
        again = f"run: {build_command(bundle.manifest.model)}"
        entry = cache.find(key)
        if entry is None:
            raise EngineError(
                f"no {backend} engine of {bundle.manifest.model} for this GPU "
                f"({cache.explain_miss(key)}); {again}"
            )
        try:
            plan = cache.load(entry, PLAN)
        except EngineError as error:
            raise EngineError(f"{error}; {again}") from None
        self._log, self._errors = make_log(backend)
        self._runtime = self._module.Runtime(self._log)
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise EngineError(
                f"{backend} cannot load the {self._role}: {self._errors.tail()}"
                f"{_other_driver(entry, gpu)}; {again}"
            )
        self._engine = engine
        self.sha256 = entry.files[PLAN].sha256
        self._jit = _JitCache(backend, cache, self.sha256, gpu)

    def has(self, name: str) -> bool:
        """Whether the engine has a tensor of that name."""
        count = self._engine.num_io_tensors
        return name in {self._engine.get_tensor_name(index) for index in range(count)}

    def context(self, gpu: Device, profile: int) -> trt.IExecutionContext:
        """Return a context set to one profile's shapes.

        Raises:
            EngineError: the GPU has no memory for it, or the engine has no such profile.
        """
        config = self._engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(
            self._module.ExecutionContextAllocationStrategy.ON_PROFILE_CHANGE
        )
        self._jit.attach(config)
        if self.captures_itself:
            settings: Any = config  # only tensorrt_rtx has these
            strategies: Any = self._module
            settings.cuda_graph_strategy = strategies.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        context = self._engine.create_execution_context(config)
        if context is None:
            raise EngineError(
                f"{self._backend} cannot run the {self._role}: {self._errors.tail()}; "
                "close other programs that use the GPU"
            )
        if self._shapes:
            ready = context.set_optimization_profile_async(profile, gpu.stream)
            gpu.wait()
            for name, shape in self._shapes[profile].items():
                ready = ready and context.set_input_shape(name, tuple(shape))
            if not ready:
                raise EngineError(f"the {self._role} refused its shapes: {self._errors.tail()}")
        return context

    def enqueue(
        self, context: trt.IExecutionContext, places: Mapping[str, int], gpu: Device
    ) -> None:
        """Put one run on the stream, its tensors at ``places``."""
        for name, address in places.items():
            if not context.set_tensor_address(name, address):
                raise EngineError(f"the {self._role} has no tensor {name}: {self._errors.tail()}")
        if not context.execute_async_v3(gpu.stream):
            gpu.check_alive(f"running the {self._role}")
            raise EngineError(f"{self._backend} failed in the {self._role}: {self._errors.tail()}")

    def is_capturable(self, context: trt.IExecutionContext, gpu: Device) -> bool:
        """Whether a context that has run may be recorded into a CUDA graph; without waiting for it.

        ``tensorrt_rtx`` may still wait for something in a run, and says so only when asked.
        """
        if self._backend != "tensorrt_rtx":
            return True
        asked: Any = context
        return bool(asked.is_stream_capturable(gpu.stream))

    def at_rest(self) -> None:
        """Keep what was compiled during the first run for the next start."""
        self._jit.keep()


def _other_driver(entry: Entry, gpu: Gpu) -> str:
    """Say so if an engine was built under another driver than the one that would load it."""
    then = str(entry.notes.get("driver", ""))
    if not then or then == gpu.driver:
        return ""
    return f" (built under a driver for CUDA {then}, this one is for {gpu.driver})"


class _JitCache:
    """The kernels that ``tensorrt_rtx`` compiles when an engine first runs; others have none."""

    def __init__(self, backend: str, cache: EngineCache, plan: str, gpu: Gpu) -> None:
        self._backend, self._cache = backend, cache
        fields = {
            "kind": "jit",
            "plan": plan,
            "version": str(load_module(backend).__version__),
            "gpu": gpu.name,
            "capability": gpu.capability,
            "driver": gpu.driver,
        }
        self._key = EntryKey("jit", fields)
        self._kernels: Any = None
        self._known = b""

    def attach(self, config: trt.IRuntimeConfig) -> None:
        if self._backend != "tensorrt_rtx":
            return
        trt: Any = load_module(self._backend)
        settings: Any = config  # only tensorrt_rtx has these
        # A captured graph would keep the slower stand-ins that LAZY runs at first.
        settings.dynamic_shapes_kernel_specialization_strategy = (
            trt.DynamicShapesKernelSpecializationStrategy.EAGER
        )
        if self._kernels is None:
            self._kernels = settings.create_runtime_cache()
            entry = self._cache.find(self._key)
            if entry is not None:
                with contextlib.suppress(EngineError):  # in quarantine now: compile again
                    self._known = self._cache.load(entry, JIT)
                    self._kernels.deserialize(self._known)
        settings.set_runtime_cache(self._kernels)

    def keep(self) -> None:
        if self._kernels is None:
            return
        made = self._kernels.serialize()
        data = b"" if made is None else bytes(memoryview(made))
        if not data or data == self._known:
            return

        def write(folder: Path) -> dict[str, Any]:
            (folder / JIT).write_bytes(data)
            return {}

        with contextlib.suppress(MorphError):  # a full disk only costs time at the next start
            self._cache.replace(self._key, write)
            self._known = data
