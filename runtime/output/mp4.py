"""H.264 in mp4. Only those who write or read a film import this: it brings the encoder."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from runtime.errors import TargetError

_BT709 = 1


class Mp4:
    """A film being written, (width, height) in pixels; odd sides are padded by one."""

    def __init__(
        self, path: Path, size: tuple[int, int], rate: Fraction, comment: str, title: str
    ) -> None:
        """Open ``path``; ``comment`` and ``title`` become metadata. Raises av.FFmpegError."""
        self.path, self.size, self.rate, self.frames = path, size, rate, 0
        self.container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self.container.metadata["comment"] = comment
        self.container.metadata["title"] = title
        stream = self.container.add_stream("libx264", rate=rate)
        stream.width, stream.height = size[0] + size[0] % 2, size[1] + size[1] % 2
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "14", "preset": "medium"}
        context = stream.codec_context
        context.gop_size = max(1, round(rate / 2))
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = ColorRange.MPEG
        self.stream = stream

    def write(self, pixels: NDArray[np.uint8]) -> None:
        """Add a frame, uint8 [H, W, 3]."""
        odd = self.size[1] % 2, self.size[0] % 2
        if any(odd):
            pixels = np.pad(pixels, ((0, odd[0]), (0, odd[1]), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709
        )
        frame.pts, frame.time_base = self.frames, 1 / self.rate
        frame.duration = 1
        self.container.mux(self.stream.encode(frame))
        self.frames += 1

    def finish(self) -> None:
        """Write what is still in the encoder and close the file.

        Raises:
            TargetError: the file does not hold every frame.
        """
        self.container.mux(self.stream.encode(None))
        self.container.close()
        with av.open(str(self.path)) as made:
            kept = made.streams.video[0].frames
        if kept != self.frames:
            raise TargetError(f"only {kept} of {self.frames} frames could be written")

    def abandon(self) -> None:
        """Close the file as it is."""
        self.container.close()


def comment_of(path: Path) -> str:
    """Return the comment in a film's metadata. Raises OSError or av.FFmpegError."""
    with av.open(str(path)) as container:
        return str(container.metadata.get("comment", ""))
