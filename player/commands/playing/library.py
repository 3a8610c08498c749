"""The models that a session can be played with, opened as the command line says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from player.options import open_pipeline, open_planner
from player.session.rendering.models import Model
from player.session.reproduce import Invocation, own_name
from runtime.bundles.bundle import Bundle
from runtime.bundles.library import known_models
from runtime.planner import Planner


class Library:
    """Models by name, on the backend and in the precision of ``invocation``."""

    def __init__(self, invocation: Invocation) -> None:
        """Know the model of ``invocation`` by its folder's name too."""
        self._invocation = invocation
        self._planners: dict[str, Planner] = {}

    def names(self) -> tuple[str, ...]:
        """Return every model that is here."""
        return tuple(known_models())

    def find(self, name: str) -> Model:
        """Return a model.

        Raises:
            BundleError: there is none of that name, or it cannot be read.
        """
        invocation = self.invocation_of(name)
        planner = self.planner(name)
        manifest, vocabulary = planner.manifest, planner.vocabulary
        return Model(
            invocation.model,
            (manifest.width, manifest.height),
            lambda: open_pipeline(invocation),
            planner.check,
            planner.untaught,
            tuple(sorted(manifest.steps)),
            manifest.default_steps,
            Bundle(Path(), manifest).digest(),
            () if vocabulary is None else tuple(sorted(vocabulary.words)),
        )

    def planner(self, name: str) -> Planner:
        """Return what a model can be asked; its manifest and tokenizers are read once.

        Raises:
            BundleError: there is none of that name, or it cannot be read.
        """
        invocation = self.invocation_of(name)
        made = self._planners.get(invocation.model)
        if made is None:
            made = self._planners[invocation.model] = open_planner(invocation)
        return made

    def invocation_of(self, name: str) -> Invocation:
        """Return the options that open a model."""
        own = self._invocation
        if name in (own.model, own_name(own.model).rstrip("/")):
            return own
        return replace(own, model=name, size=None)
