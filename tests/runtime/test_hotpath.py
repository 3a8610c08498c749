"""A frame costs its own pixels and nothing else that is as large."""

from __future__ import annotations

import gc
import tracemalloc

from runtime.pipeline import Pipeline


def test_a_frame_allocates_its_pixels_and_nothing_stays(pipeline: Pipeline) -> None:
    first = pipeline.request("cat -> kitten")
    for t in (0.0, 1.0, 0.3, 0.9):
        pipeline.render(first.at(t))
    requests = [first.at(i / 97) for i in range(1, 60)]
    size = pipeline.render(first.at(0.5)).pixels.nbytes
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        peaks = []
        for request in requests:
            tracemalloc.reset_peak()
            held = tracemalloc.get_traced_memory()[0]
            pipeline.render(request)
            peaks.append(tracemalloc.get_traced_memory()[1] - held)
        gc.collect()
        growth = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert size <= max(peaks) < 1.25 * size, "more was copied than the pixels of the frame"
    assert growth < 64 * 1024, f"{growth} bytes stayed after {len(requests)} frames"
