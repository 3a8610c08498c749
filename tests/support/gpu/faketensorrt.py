"""A small fake of TensorRT's run-time classes that executes with OpenVINO on ``FakeCuda``.

A plan is ``MAGIC`` and the ONNX model; ``surface`` of the fake is checked against TensorRT's own
stubs, so code that runs on it uses nothing that TensorRT does not have.
"""

from __future__ import annotations

import ctypes
import enum
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx

from runtime.engines.openvino.core import CORE
from tests.support.gpu.fakecuda import FakeCuda

MAGIC = b"FAKEPLAN"


def make_plan(graph: Path) -> bytes:
    """Serialise a graph and its weights as the fake's engine."""
    model: bytes = onnx.load(graph).SerializeToString()
    return MAGIC + model


def make_module(name: str, cuda: FakeCuda, version: str = "0.0") -> ModuleType:
    """Return a module that stands for ``tensorrt`` or ``tensorrt_rtx``."""
    module = ModuleType(name)
    contexts: list[Any] = []

    class ILogger:
        class Severity(enum.IntEnum):
            INTERNAL_ERROR = 0
            ERROR = 1
            WARNING = 2

        def __init__(self) -> None:
            pass

        def log(self, severity: Any, msg: str) -> None:
            raise NotImplementedError

    class ExecutionContextAllocationStrategy(enum.IntEnum):
        STATIC = 0
        ON_PROFILE_CHANGE = 1

    class DynamicShapesKernelSpecializationStrategy(enum.IntEnum):
        LAZY = 0
        EAGER = 1

    class CudaGraphStrategy(enum.IntEnum):
        DISABLED = 0
        WHOLE_GRAPH_CAPTURE = 1

    class IRuntimeCache:
        def __init__(self) -> None:
            self._blob = b""

        def deserialize(self, blob: bytes) -> bool:
            self._blob = bytes(blob)
            return True

        def serialize(self) -> bytes:
            return self._blob or b"kernels"

    class IRuntimeConfig:
        def __init__(self) -> None:
            self.dynamic_shapes_kernel_specialization_strategy = 0
            self.cuda_graph_strategy = CudaGraphStrategy.DISABLED

        def set_execution_context_allocation_strategy(self, strategy: int = 0) -> None:
            ExecutionContextAllocationStrategy(strategy)

        def create_runtime_cache(self) -> IRuntimeCache:
            return IRuntimeCache()

        def set_runtime_cache(self, cache: IRuntimeCache | None = None) -> bool:
            return True

    class IExecutionContext:
        def __init__(self, model: Any, logger: ILogger, config: IRuntimeConfig | None) -> None:
            self._model, self._logger, self._config = model, logger, config
            self._shapes: dict[str, tuple[int, ...]] = {}
            self._places: dict[str, int] = {}
            self._request: Any = None

        def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
            return profile_index in (0, 1)

        def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
            self._shapes[name] = tuple(shape)
            return name in {port.any_name for port in self._model.inputs}

        def set_tensor_address(self, name: str, memory: int) -> bool:
            ports = [*self._model.inputs, *self._model.outputs]
            if name not in {port.any_name for port in ports}:
                return self._refuse(f"no tensor {name}")
            if memory % 256:
                return self._refuse(f"{name} is not aligned")
            self._places[name] = memory
            return True

        def execute_async_v3(self, stream_handle: int) -> bool:
            if cuda.lost is not None:
                return self._refuse("CUDA error 700 launching a kernel: illegal memory access")
            if self._request is None and not self._compile():
                return False
            if cuda.recording is not None and not self.is_stream_capturable(stream_handle):
                return self._refuse("a stream that is captured was waited for")
            places = dict(self._places)
            inputs, outputs = self._request.model_inputs, self._request.model_outputs
            for port in [*inputs, *outputs]:
                count = int(np.prod(port.shape)) * port.element_type.size
                if not cuda.on_device(places.get(port.any_name, 0), count):
                    return self._refuse(f"{port.any_name} is not in device memory")

            def work() -> None:
                for port in inputs:
                    self._request.get_tensor(port.any_name).data[:] = _view(port, places)
                self._request.infer()
                for port in outputs:
                    _view(port, places)[:] = self._request.get_tensor(port.any_name).data

            cuda.enqueue(work)
            return True

        def is_stream_capturable(self, stream: int) -> bool:
            return cuda.networks_capturable

        def _compile(self) -> bool:
            model = self._model.clone()
            for port in model.inputs:
                if port.partial_shape.is_dynamic and port.any_name not in self._shapes:
                    return self._refuse(f"{port.any_name} has no shape")
            model.reshape({name: list(shape) for name, shape in self._shapes.items()})
            config = {"INFERENCE_PRECISION_HINT": "f32"}
            self._request = CORE.compile_model(model, "CPU", config).create_infer_request()
            return True

        def _refuse(self, why: str) -> bool:
            self._logger.log(ILogger.Severity.ERROR, why)
            return False

    class ICudaEngine:
        def __init__(self, model: Any, logger: ILogger) -> None:
            self._model, self._logger = model, logger

        @property
        def num_io_tensors(self) -> int:
            return len(self._model.inputs) + len(self._model.outputs)

        def get_tensor_name(self, index: int) -> str:
            ports = [*self._model.inputs, *self._model.outputs]
            return str(ports[index].any_name)

        def create_runtime_config(self) -> IRuntimeConfig:
            return IRuntimeConfig()

        def create_execution_context(
            self, runtime_config: IRuntimeConfig | None = None
        ) -> IExecutionContext | None:
            if cuda.free_bytes < 1000:
                self._logger.log(ILogger.Severity.ERROR, "Error Code 2: OutOfMemory")
                return None
            contexts.append(runtime_config or IRuntimeConfig())
            return IExecutionContext(self._model, self._logger, runtime_config)

    class Runtime:
        def __init__(self, logger: ILogger) -> None:
            self._logger = logger

        def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None:
            if not serialized_engine.startswith(MAGIC):
                self._logger.log(ILogger.Severity.ERROR, "Serialization assertion failed")
                return None
            model = CORE.read_model(bytes(serialized_engine[len(MAGIC) :]))
            return ICudaEngine(model, self._logger)

    for kind in (
        ILogger,
        ExecutionContextAllocationStrategy,
        CudaGraphStrategy,
        DynamicShapesKernelSpecializationStrategy,
        IRuntimeCache,
        IRuntimeConfig,
        IExecutionContext,
        ICudaEngine,
        Runtime,
    ):
        setattr(module, kind.__name__, kind)
    module.context_configs = contexts  # type: ignore[attr-defined]
    module.__version__ = version  # type: ignore[attr-defined]
    return module


def _view(port: Any, places: dict[str, int]) -> Any:
    kind = port.element_type.to_dtype()
    count = int(np.prod(port.shape))
    raw = (ctypes.c_uint8 * (count * kind.itemsize)).from_address(places[port.any_name])
    return np.frombuffer(raw, kind).reshape(tuple(port.shape))
