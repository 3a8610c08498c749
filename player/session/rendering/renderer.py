"""What the render thread draws with, what it is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from runtime.mixing.mix import Plan
from runtime.request import Frame, Request


class EngineInfo(Protocol):
    """What the readouts say of an engine."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def precision(self) -> str: ...  # noqa: D102


class Renderer(Protocol):
    """The part of ``runtime.pipeline.Pipeline`` that the render thread uses."""

    @property
    def engine(self) -> EngineInfo: ...  # noqa: D102
    def check(self, request: Request) -> None: ...  # noqa: D102
    def plan(self, request: Request) -> Plan: ...  # noqa: D102
    def render(self, request: Request) -> Frame: ...  # noqa: D102
    def settings(self) -> dict[str, Any]: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """The picture asked for, and which way along t the playhead moves (+1 or -1)."""

    request: Request
    direction: int = 1


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a request: a frame, or an error in one line. ``request`` shows stale ones."""

    request: Request
    frame: Frame | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known once the model is open."""

    engine: str
    precision: str
    plan: Plan
    settings: Mapping[str, object]
    """what belongs into the metadata of every still and film"""
