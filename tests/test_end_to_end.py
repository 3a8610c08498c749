"""Two words in, a film out: the built-in model, real engines, the file decoded again."""

from pathlib import Path

import av
import numpy as np

from runtime.output.film import read_settings
from runtime.perception.psnr import peak_signal_to_noise
from runtime.pipeline import Pipeline
from tests.support.cli import Cli
from tests.support.seeds import draw_seed


def test_the_notes_film(cli: Cli, pipeline: Pipeline) -> None:
    """400 divisions at 20 fps: 20 seconds, every frame the picture its position asks for."""
    words = "render|cat -> kitten|-o|cat-kitten.mp4|--frames|400|--fps|20"
    words += "|--backend|openvino|--precision|f32"
    status, _, err = cli(*words.split("|"))
    assert status == 0, err

    with av.open("cat-kitten.mp4") as container:
        stream = container.streams.video[0]
        assert stream.frames == 400
        assert container.duration is not None
        assert abs(container.duration / av.time_base - 20.0) < 1e-3
        frames = [
            frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in container.decode(video=0)
        ]
    assert len(frames) == 400
    cat = pipeline.render(pipeline.request("cat")).pixels
    kitten = pipeline.render(pipeline.request("kitten")).pixels
    assert peak_signal_to_noise(frames[0], cat) > 30
    assert peak_signal_to_noise(frames[-1], kitten) > 30
    assert peak_signal_to_noise(frames[0], kitten) < 25
    for index in np.random.default_rng(draw_seed()).choice(400, 12, replace=False).tolist():
        asked = pipeline.render(pipeline.request("cat -> kitten", index / 399)).pixels
        assert peak_signal_to_noise(frames[index], asked) > 30, index
    assert read_settings(Path("cat-kitten.mp4"))["expression"] == "cat -> kitten"
