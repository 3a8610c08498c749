"""A complete bundle whose manifest is real and whose graphs are as small as can be.

``reference`` computes the same frames in numpy, so that every engine can be judged alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from runtime.bundles.bundle import Bundle
from runtime.bundles.files import FileRecord, sha256_file
from runtime.bundles.manifest import BASIS, MANIFEST, ROLES, Manifest, Step
from runtime.engines.engine import Engine, Rendered
from tests.support.models.cliptokenizer import raw_tokenizer

LATENT = (3, 4, 8)
TOKENS, EMBEDDING, POOLED = 12, 6, 7
WORDS = raw_tokenizer().get_vocab_size()
TOKENIZER = "tokenizer.json"
STEPS = {
    1: (Step(999.0, 0.5, 0.25, -0.75, 0.0),),
    2: (Step(999.0, 0.5, 0.25, -0.75, 0.5), Step(499.0, 1.0, 0.5, 0.5, 0.0)),
    3: (
        Step(999.0, 0.5, 0.25, -0.75, 0.5),
        Step(666.0, 0.75, -0.5, 1.0, 0.25),
        Step(333.0, 1.0, 0.5, 0.5, 0.0),
    ),
}
SIGMA = 1.5
PRECISIONS = {"f32": TensorProto.FLOAT, "f16": TensorProto.FLOAT16}

Floats = NDArray[np.float32]


def tiny_manifest(
    files: Mapping[str, FileRecord],
    *,
    pooled: bool = False,
    precision: str = "f32",
    tokens: int = TOKENS,
) -> Manifest:
    return Manifest(
        model="tiny",
        width=2 * LATENT[2],
        height=2 * LATENT[1],
        latent=LATENT,
        tokens=tokens,
        embedding=EMBEDDING,
        pooled=POOLED if pooled else 0,
        init_noise_sigma=SIGMA,
        steps=STEPS,
        default_steps=1,
        scheduler="Tiny",
        tokenizers=(TOKENIZER,),
        graphs={role: f"{role}.onnx" for role in ROLES},
        files=files,
        precision=precision,
    )


def tiny_bundle(folder: Path, files: Mapping[str, FileRecord]) -> Bundle:
    """A bundle in name only: there are no graphs."""
    return Bundle(folder, tiny_manifest(files))


def write_tiny(
    folder: Path,
    seed: int = 0,
    *,
    pooled: bool = False,
    precision: str = "f32",
    tokens: int = TOKENS,
    colour: float | None = None,
) -> Bundle:
    """Write a whole bundle; the seed makes its weights, ``tokens`` are the rows it reads.

    ``colour`` spoils one of the decoder's weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = _weights(seed)
    if colour is not None:
        weights["colours"][0, 0] = colour
    graphs = {
        "text_encoder": _text_encoder(weights, pooled, tokens),
        "denoiser": _denoiser(weights, pooled, PRECISIONS[precision], tokens),
        "decoder": _decoder(weights),
    }
    raw_tokenizer(length=tokens).save(str(folder / TOKENIZER))
    files = {TOKENIZER: sha256_file(folder / TOKENIZER)}
    for role, graph in graphs.items():
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        path = folder / f"{role}.onnx"
        data = folder / f"{role}.onnx.data"
        data.unlink(missing_ok=True)
        onnx.save(model, path, save_as_external_data=True, location=data.name, size_threshold=100)
        files |= {p.name: sha256_file(p) for p in (path, data) if p.exists()}
    manifest = tiny_manifest(files, pooled=pooled, precision=precision, tokens=tokens)
    (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return Bundle(folder, manifest)


def write_worded(folder: Path, seed: int = 0) -> Bundle:
    """Write a whole bundle that knows the words of the small tokenizer."""
    bundle = write_tiny(folder, seed)
    path = folder / "tokenizer.json"
    raw_tokenizer(length=TOKENS).save(str(path))
    manifest = replace(
        bundle.manifest,
        tokenizers=(path.name,),
        files={**bundle.manifest.files, path.name: sha256_file(path)},
    )
    (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return Bundle(folder, manifest)


def _weights(seed: int) -> dict[str, Floats]:
    random = np.random.default_rng(seed)

    def normal(*shape: int) -> Floats:
        return random.normal(size=shape).astype(np.float32)

    cells = int(np.prod(LATENT))
    return {
        "words": normal(WORDS, EMBEDDING),
        "to_pooled": normal(EMBEDDING, POOLED),
        "from_text": normal(EMBEDDING, cells),
        "from_pooled": normal(POOLED, cells),
        "channels": normal(LATENT[0], LATENT[0], 3, 3) / np.float32(3),
        "colours": normal(3, LATENT[0], 1, 1),
    }


def reference(
    seed: int,
    basis: Floats,
    weights: Floats,
    steps: tuple[Step, ...],
    noise: Floats,
    pooled_basis: Floats | None = None,
    pooled_weights: Floats | None = None,
) -> NDArray[np.uint8]:
    """The frames of ``write_tiny(seed)`` in f64: uint8 [B, H, W, 3]."""
    made = {name: array.astype(np.float64) for name, array in _weights(seed).items()}
    text = np.einsum("bkt,ktd->btd", weights, basis).mean(axis=1) @ made["from_text"]
    if pooled_basis is not None and pooled_weights is not None:
        text = text + (pooled_weights @ pooled_basis) @ made["from_pooled"]
    text = text.reshape(-1, *LATENT)
    sample = np.broadcast_to(noise[0] * SIGMA, text.shape)
    fresh = iter(noise[1:])
    for step in steps:
        padded = np.pad(sample * step.scale, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
        mixed = np.einsum("bihwyx,oiyx->bohw", windows, made["channels"])
        output = np.tanh(mixed + text * (step.timestep / 1000))
        sample = sample * step.sample + output * step.output
        if step.noise:
            sample = sample + next(fresh) * step.noise
    rgb = np.einsum("bihw,oi->bhwo", sample, made["colours"][:, :, 0, 0])
    rgb = rgb.repeat(2, axis=1).repeat(2, axis=2)
    pixels: NDArray[np.uint8] = np.rint(255 / (1 + np.exp(-rgb))).astype(np.uint8)
    return pixels


def inputs(
    seed: int, batch: int, *, pooled: bool = False
) -> tuple[Floats, Floats, Floats, Floats | None, Floats | None]:
    """Random (basis, weights, noise, pooled_basis, pooled_weights) for the tiny graphs."""
    random = np.random.default_rng(seed)

    def normal(*shape: int) -> Floats:
        return random.normal(size=shape).astype(np.float32)

    return (
        normal(BASIS, TOKENS, EMBEDDING),
        normal(batch, BASIS, TOKENS) / np.float32(2),
        normal(3, *LATENT),
        normal(BASIS, POOLED) if pooled else None,
        normal(batch, BASIS) if pooled else None,
    )


def render_tiny(
    engine: Engine, seed: int, batch: int, steps: int, *, pooled: bool = False
) -> Rendered:
    """Render ``inputs(seed, batch)`` on an engine."""
    basis, weights, noise, pooled_basis, pooled_weights = inputs(seed, batch, pooled=pooled)
    engine.load_basis(basis, pooled_basis)
    engine.load_noise(noise[:steps])
    return engine.render(weights, pooled_weights, STEPS[steps])


def expect_tiny(
    weights_seed: int, seed: int, batch: int, steps: int, *, pooled: bool = False
) -> NDArray[np.uint8]:
    """What ``render_tiny`` must show on the bundle ``write_tiny(weights_seed)``."""
    basis, weights, noise, pooled_basis, pooled_weights = inputs(seed, batch, pooled=pooled)
    return reference(
        weights_seed, basis, weights, STEPS[steps], noise, pooled_basis, pooled_weights
    )


def see_tiny(
    engine: Engine, seed: int, batch: int, steps: int, *, pooled: bool = False, apart: int = 1
) -> None:
    """Check that an engine of ``write_tiny(…, 5)`` draws it, but for so many levels of 255."""
    made = render_tiny(engine, seed, batch, steps, pooled=pooled).pixels
    wanted = expect_tiny(5, seed, batch, steps, pooled=pooled)
    assert np.abs(made.astype(int) - wanted).max() <= apart


def _graph(
    name: str,
    nodes: list[onnx.NodeProto],
    takes: dict[str, tuple[int, list[Any]]],
    gives: dict[str, tuple[int, list[Any]]],
    constants: dict[str, NDArray[Any]],
) -> onnx.GraphProto:
    return helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in takes.items()],
        [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in gives.items()],
        [numpy_helper.from_array(array, n) for n, array in constants.items()],
    )


def _text_encoder(weights: dict[str, Floats], pooled: bool, tokens: int) -> onnx.GraphProto:
    nodes = [helper.make_node("Gather", ["words", "input_ids"], ["embedding"])]
    gives: dict[str, tuple[int, list[Any]]] = {
        "embedding": (TensorProto.FLOAT, [1, tokens, EMBEDDING])
    }
    constants: dict[str, NDArray[Any]] = {"words": weights["words"]}
    if pooled:
        constants |= {
            "to_pooled": weights["to_pooled"],
            "axis": np.array([1], np.int64),
            "share": np.array([1 / tokens], np.float32),
        }
        nodes += [
            helper.make_node("ReduceSum", ["embedding", "axis"], ["sum"], keepdims=0),
            helper.make_node("Mul", ["sum", "share"], ["mean"]),
            helper.make_node("MatMul", ["mean", "to_pooled"], ["pooled"]),
        ]
        gives["pooled"] = (TensorProto.FLOAT, [1, POOLED])
    takes: dict[str, tuple[int, list[Any]]] = {"input_ids": (TensorProto.INT64, [1, tokens])}
    return _graph("text_encoder", nodes, takes, gives, constants)


def _denoiser(weights: dict[str, Floats], pooled: bool, kind: int, tokens: int) -> onnx.GraphProto:
    f32 = TensorProto.FLOAT
    node = helper.make_node
    nodes = [
        node("Unsqueeze", ["weights", "last"], ["shares"]),
        node("Mul", ["shares", "basis"], ["parts"]),
        node("ReduceSum", ["parts", "axis"], ["mixed"], keepdims=0),
        node("ReduceSum", ["mixed", "axis"], ["total"], keepdims=0),
        node("Mul", ["total", "share"], ["mean"]),
        node("MatMul", ["mean", "from_text"], ["text"]),
    ]
    text = "text"
    if pooled:
        nodes += [
            node("MatMul", ["pooled_weights", "pooled_basis"], ["vector"]),
            node("MatMul", ["vector", "from_pooled"], ["more"]),
            node("Add", ["text", "more"], ["all_text"]),
        ]
        text = "all_text"
    nodes += [
        node("Reshape", [text, "picture"], ["condition"]),
        node("Split", ["coefficients"], ["c", "a", "b", "d"], num_outputs=4),
        node("Mul", ["sample", "c"], ["scaled"]),
        node("Cast", ["scaled"], ["low"], to=kind),
        node("Conv", ["low", "channels"], ["low_mixed"], pads=[1, 1, 1, 1]),
        node("Cast", ["low_mixed"], ["convolved"], to=f32),
        node("Mul", ["timestep", "thousandth"], ["when"]),
        node("Mul", ["condition", "when"], ["timed"]),
        node("Add", ["convolved", "timed"], ["sum"]),
        node("Tanh", ["sum"], ["output"]),
        node("Mul", ["sample", "a"], ["kept"]),
        node("Mul", ["output", "b"], ["added"]),
        node("Mul", ["noise", "d"], ["fresh"]),
        node("Add", ["kept", "added"], ["stepped"]),
        node("Add", ["stepped", "fresh"], ["next_sample"]),
    ]
    picture = ["batch", *LATENT]
    takes: dict[str, tuple[int, list[Any]]] = {
        "sample": (f32, picture),
        "timestep": (f32, [1]),
        "basis": (f32, [BASIS, tokens, EMBEDDING]),
        "weights": (f32, ["batch", BASIS, tokens]),
        "coefficients": (f32, [4]),
        "noise": (f32, picture),
    }
    constants: dict[str, NDArray[Any]] = {
        "axis": np.array([1], np.int64),
        "last": np.array([3], np.int64),
        "share": np.array([1 / tokens], np.float32),
        "from_text": weights["from_text"],
        "picture": np.array([-1, *LATENT], np.int64),
        "channels": weights["channels"].astype(np.float32 if kind == f32 else np.float16),
        "thousandth": np.array([0.001], np.float32),
    }
    if pooled:
        takes["pooled_basis"] = (f32, [BASIS, POOLED])
        takes["pooled_weights"] = (f32, ["batch", BASIS])
        constants["from_pooled"] = weights["from_pooled"]
    return _graph("denoiser", nodes, takes, {"next_sample": (f32, picture)}, constants)


def _decoder(weights: dict[str, Floats]) -> onnx.GraphProto:
    node = helper.make_node
    nodes = [
        node("Conv", ["latent", "colours"], ["rgb"]),
        node("Resize", ["rgb", "", "scales"], ["large"], mode="nearest",
             coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        node("Sigmoid", ["large"], ["light"]),
        node("Mul", ["light", "white"], ["grey"]),
        node("Round", ["grey"], ["level"]),
        node("Transpose", ["level"], ["rows"], perm=[0, 2, 3, 1]),
        node("Cast", ["rows"], ["pixels"], to=TensorProto.UINT8),
        node("ReduceSum", ["rgb", "picture_axes"], ["total"], keepdims=0),
    ]  # fmt: skip
    constants: dict[str, NDArray[Any]] = {
        "colours": weights["colours"],
        "scales": np.array([1, 1, 2, 2], np.float32),
        "picture_axes": np.array([1, 2, 3], np.int64),
        "white": np.array([255], np.float32),
    }
    pixels = ["batch", 2 * LATENT[1], 2 * LATENT[2], 3]
    takes: dict[str, tuple[int, list[Any]]] = {"latent": (TensorProto.FLOAT, ["batch", *LATENT])}
    gives: dict[str, tuple[int, list[Any]]] = {
        "pixels": (TensorProto.UINT8, pixels),
        "total": (TensorProto.FLOAT, ["batch"]),
    }
    return _graph("decoder", nodes, takes, gives, constants)
