"""The models that a session can be played with, opened as the command line says."""

from __future__ import annotations

from dataclasses import replace

from player.options import open_pipeline, open_planner
from player.session.models import Model
from player.session.reproduce import Invocation, own_name
from runtime.bundles.library import known_models


class Library:
    """Models by name, on the backend and in the precision of ``invocation``."""

    def __init__(self, invocation: Invocation) -> None:
        """Know the model of ``invocation`` by its folder's name too."""
        self._invocation = invocation
        self._found: dict[str, Model] = {}

    def names(self) -> tuple[str, ...]:
        """Return every model that is here."""
        return tuple(known_models())

    def find(self, name: str) -> Model:
        """Return a model; its manifest and tokenizers are read once.

        Raises:
            BundleError: there is none of that name, or it cannot be read.
        """
        invocation = self.invocation_of(name)
        made = self._found.get(invocation.model)
        if made is None:
            made = self._found[invocation.model] = _read(invocation)
        return made

    def invocation_of(self, name: str) -> Invocation:
        """Return the options that open a model."""
        own = self._invocation
        if name in (own.model, own_name(own.model).rstrip("/")):
            return own
        return replace(own, model=name, size=None)


def _read(invocation: Invocation) -> Model:
    planner = open_planner(invocation)
    manifest, vocabulary = planner.manifest, planner.vocabulary
    return Model(
        invocation.model,
        (manifest.width, manifest.height),
        lambda: open_pipeline(invocation),
        planner.check,
        planner.untaught,
        tuple(sorted(manifest.steps)),
        manifest.default_steps,
        () if vocabulary is None else tuple(sorted(vocabulary.words)),
    )
