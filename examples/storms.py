"""Say where a morph storms: ``python examples/storms.py "a calm sea -> a storm"``."""

import sys

from runtime.language.line import Line
from runtime.perception.distance import Descriptor, describe_frame
from runtime.perception.storms.storms import find_storms
from runtime.perception.storms.survey import survey
from runtime.pipeline import Pipeline

FRAMES = 51


def main(expression: str = "a yacht on a calm sea -> a yacht in a storm") -> None:
    """Print each calm and each storm of a morph, with the visible change that it holds."""
    with Pipeline.open("critters") as pipeline:
        line = Line.through(pipeline.request(expression))

        def descriptor_at(place: float) -> Descriptor:
            return describe_frame(pipeline.render(line.at(place)).pixels)

        places = [i / (FRAMES - 1) for i in range(FRAMES)]
        report = find_storms(survey(places, map(descriptor_at, places)), descriptor_at)
    for zone in report.zones:
        print(f"{zone.kind:5}  {zone.start:.2f} to {zone.end:.2f}  {zone.path:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
