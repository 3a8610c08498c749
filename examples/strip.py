"""Draw a morph as a strip of pictures: ``python examples/strip.py "cat -> kitten" strip.png``."""

import sys

import numpy as np
from PIL import Image

from runtime.pipeline import Pipeline

PICTURES = 7


def main(expression: str = "cat -> kitten", target: str = "strip.png") -> None:
    """Write ``PICTURES`` pictures of a morph side by side, all of one seed."""
    with Pipeline.open("critters") as pipeline:
        requests = [
            pipeline.request(expression, t=i / (PICTURES - 1), seed=7) for i in range(PICTURES)
        ]
        frames = pipeline.render_many(requests)
    Image.fromarray(np.hstack([frame.pixels for frame in frames])).save(target)
    print(f"{target}: {frames[0].request.expression}, {len(frames)} pictures")


if __name__ == "__main__":
    main(*sys.argv[1:])
