import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.errors import EngineError, ExpressionError, MorphError, RequestError
from runtime.mixing.embeddings import Embedding
from runtime.pipeline import Pipeline
from runtime.request import Request
from tests.support.child import run_code

EXPRESSIONS = (
    "cat -> kitten",
    "cat -> kitten -> tiger | -3/7*tabby .. +3/7*tabby",
    "a photo of a [fox -> bear] on a [sofa -> hill]",
    "(cat + kitten)/2 - tabby/4",
)


def pixels(pipeline: Pipeline, expression: str, t: float = 0.0, **settings: object) -> np.ndarray:
    return pipeline.render(pipeline.request(expression, t, **settings)).pixels


def test_a_frame_is_a_picture_of_the_models_size(pipeline: Pipeline) -> None:
    frame = pipeline.render(pipeline.request("cat"))
    width, height = pipeline.size
    assert frame.pixels.shape == (height, width, 3)
    assert frame.pixels.dtype == np.uint8
    assert frame.pixels.std() > 5
    with pytest.raises(ValueError, match="read-only"):
        frame.pixels[0, 0, 0] = 1


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    asked=st.lists(
        st.builds(
            Request,
            expression=st.sampled_from(EXPRESSIONS),
            t=st.sampled_from([0.0, 0.25, 1.0]),
            u=st.sampled_from([0.0, 0.5]),
            seed=st.sampled_from([0, 9]),
            steps=st.sampled_from([1, 2]),
            interp=st.sampled_from(["lerp", "slerp"]),
        ),
        min_size=2,
        max_size=5,
    )
)
def test_a_frame_depends_on_its_request_alone(pipeline: Pipeline, asked: list[Request]) -> None:
    """Whatever was asked before, in whatever order, one by one or together."""
    together = pipeline.render_many(asked)
    shuffled = random.Random(repr(asked)).sample(asked, len(asked))
    alone = {request: pipeline.render(request).pixels for request in shuffled}
    for request, frame in zip(asked, together, strict=True):
        assert frame.request == request
        np.testing.assert_array_equal(frame.pixels, alone[request])


def test_the_ends_are_the_words_themselves(pipeline: Pipeline) -> None:
    for interp in ("lerp", "slerp"):
        start = pixels(pipeline, "cat -> kitten", 0.0, interp=interp)
        end = pixels(pipeline, "cat -> kitten", 1.0, interp=interp)
        np.testing.assert_array_equal(start, pixels(pipeline, "cat"))
        np.testing.assert_array_equal(end, pixels(pipeline, "kitten"))
        assert np.abs(start.astype(int) - end).mean() > 1


def test_seed_position_and_words_change_the_picture(pipeline: Pipeline) -> None:
    base = pixels(pipeline, "cat -> kitten", 0.5, seed=1)
    for other in (
        pixels(pipeline, "cat -> kitten", 0.5, seed=2),
        pixels(pipeline, "cat -> kitten", 0.9, seed=1),
        pixels(pipeline, "fox -> kitten", 0.5, seed=1),
    ):
        assert np.abs(base.astype(int) - other).mean() > 0.2


def test_arrays_in_and_out_are_the_expression_language(pipeline: Pipeline) -> None:
    cat, tabby = pipeline.embed("cat").rows, pipeline.embed("tabby").rows
    edited = cat.copy()
    edited[1:] += 3 / 7 * tabby[1:]
    drawn = pipeline.draw(edited, seed=5).astype(int)
    rendered = pixels(pipeline, "cat + 3/7*tabby", seed=5)
    assert np.abs(drawn - rendered).max() <= 1
    np.testing.assert_array_equal(pipeline.draw(cat, seed=5), pixels(pipeline, "cat", seed=5))
    with pytest.raises(ValueError, match="read-only"):
        cat[1] = 0  # the cache would serve it to the next request


@pytest.mark.parametrize("wrong", ["shape", "nan"])
def test_arrays_that_are_no_embedding_are_refused(pipeline: Pipeline, wrong: str) -> None:
    rows = pipeline.embed("cat").rows.copy()
    rows = rows[:-1] if wrong == "shape" else np.where(np.arange(rows.size) == 7, np.nan, 0.0)
    with pytest.raises(RequestError, match="need finite numbers of shape"):
        pipeline.draw(Embedding(rows.astype(np.float32), None))


def test_a_long_chain_holds_more_words_than_the_basis(pipeline: Pipeline) -> None:
    words = ["cat", "kitten", "dog", "puppy", "rabbit", "fox"]
    words += ["bear", "panda", "tiger", "lion", "owl", "mouse"]
    chain = " -> ".join(words)
    for index in (0, 4, 8, 11):
        np.testing.assert_array_equal(
            pixels(pipeline, chain, index / 11), pixels(pipeline, words[index])
        )


def test_a_sum_of_more_words_than_the_basis_is_refused(pipeline: Pipeline) -> None:
    words = " + ".join(["cat", "kitten", "dog", "puppy", "rabbit", "fox", "bear", "panda", "tiger"])
    with pytest.raises(RequestError, match="9 prompts are mixed in one frame"):
        pixels(pipeline, words)


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    ("request_", "error", "says"),
    [
        (Request("cat", steps=63), RequestError, "has no table for 63 steps: use 1"),
        (Request("cat " * 90), MorphError, "90 tokens and this model reads 75"),
        (Request("cat ->"), ExpressionError, "->"),
        (Request("a [cat -> kitten]", edit_row=77), RequestError, "row 77"),
    ],
)
def test_what_the_model_cannot_make_is_one_line(
    pipeline: Pipeline, request_: Request, error: type[MorphError], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        pipeline.check(request_)
    assert "\n" not in str(caught.value)


@pytest.mark.fault(15)
def test_a_size_the_bundle_was_not_built_for(pipeline: Pipeline) -> None:
    with pytest.raises(RequestError, match="makes pictures of 256x256, not 512x512"):
        Pipeline.open(size=(512, 512))


@pytest.mark.parametrize(
    ("backend", "precision", "says"),
    [
        ("cuda", "auto", "unknown backend 'cuda': use auto, tensorrt"),
        ("openvino", "f16", "openvino computes in f32 or bf16 or int8, not f16"),
    ],
)
def test_an_engine_that_was_asked_for_is_never_replaced(
    backend: str, precision: str, says: str
) -> None:
    with pytest.raises(EngineError, match=says):
        Pipeline.open(backend=backend, precision=precision)


def test_timings_say_where_the_time_went(pipeline: Pipeline) -> None:
    timings = pipeline.render(pipeline.request("cat -> owl", 0.3)).timings
    stages = [timings[stage] for stage in ("text", "mix", "denoise", "decode")]
    assert all(stage >= 0 for stage in stages)
    assert sum(stages) <= timings["total"] * 1.01


OFFLINE = """
import sys
def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        if not (event == "socket.connect" and isinstance(args[1], (str, bytes))):
            raise RuntimeError(f"the network was used: {event} {args}")
sys.addaudithook(refuse)
from runtime.doctor import examine
from runtime.pipeline import Pipeline
with Pipeline.open("critters", backend="auto") as pipeline:
    frame = pipeline.render(pipeline.request("cat -> kitten", 0.5))
    print(frame.pixels.shape, len(examine()) > 5)
assert not [name for name in sys.modules if name.split(".")[0] in ("torch", "diffusers")]
"""


@pytest.mark.fault(28)
def test_rendering_needs_no_network(pipeline: Pipeline) -> None:
    done = run_code(OFFLINE)
    assert done.returncode == 0, done.stderr
    height, width = pipeline.size[1], pipeline.size[0]
    assert done.stdout.strip() == f"({height}, {width}, 3) True"
