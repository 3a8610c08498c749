"""Edit an embedding by hand, as no expression can: ``python examples/rows.py rows.png``."""

import sys

import numpy as np
from PIL import Image

from runtime.pipeline import Pipeline

PICTURES = 9


def main(target: str = "rows.png") -> None:
    """Turn the rows of "cat" into those of "fox", a few of their numbers at a time."""
    with Pipeline.open("critters") as pipeline:
        cat, fox = (pipeline.embed(word).rows for word in ("cat", "fox"))  # float32 [77, 128]
        pictures = []
        for count in np.linspace(0, cat.shape[1], PICTURES).astype(int):
            edited = cat.copy()  # what embed returns is kept, and so read-only
            edited[1:, :count] = fox[1:, :count]  # row 0 is BOS: left alone
            pictures.append(pipeline.draw(edited, seed=7))
    Image.fromarray(np.hstack(pictures)).save(target)
    print(f"{target}: cat, with 0 to {cat.shape[1]} numbers of each row from fox")


if __name__ == "__main__":
    main(*sys.argv[1:])
