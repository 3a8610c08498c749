"""Requests → plans, by a model's manifest and tokenizers alone: no engine is needed to check."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from runtime.bundles.bundle import Bundle, read_tokenizer
from runtime.bundles.library import locate
from runtime.bundles.manifest import Manifest, read_manifest
from runtime.bundles.vocabulary import read_vocabulary
from runtime.errors import RequestError
from runtime.language.expression import parse
from runtime.mixing.mix import Plan, plan
from runtime.mixing.tokens import Tokenizer
from runtime.request import EditScope, Interp, Request

_NAMED = 8
PlanKey = tuple[str, EditScope, int | None, Interp]


def plan_key(request: Request) -> PlanKey:
    """Return what of a request decides its plan."""
    return request.expression, request.edit, request.edit_row, request.interp


class Planner:
    """What a model can be asked, and which rows and weights a request comes to."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        """Load the tokenizers of the bundle in ``folder``, and its vocabulary where it has one.

        Raises:
            BundleError: a vocabulary or tokenizer that cannot be read, or a tokenizer that is not
                as long as the text encoder.
        """
        self.manifest = manifest
        self._folder = folder
        self.vocabulary = read_vocabulary(folder, manifest.files)
        """the words the model was taught; None where the bundle does not say"""
        self.tokenizers = tuple(
            Tokenizer.of(read_tokenizer(folder, manifest, name)) for name in manifest.tokenizers
        )
        self._plan = lru_cache(maxsize=64)(self._make)

    @classmethod
    def of(cls, model: str) -> Self:
        """Read a model's manifest and tokenizers, by its name or bundle folder.

        Large files are neither read nor hashed, so this answers at once for any model.

        Raises:
            BundleError: an unknown name, or a manifest or tokenizer that cannot be read.
        """
        folder = locate(model)
        return cls(read_manifest(folder), folder)

    def digest(self) -> str:
        """Return the identity of the model, as its manifest states it."""
        return Bundle(self._folder, self.manifest).digest()

    def request(self, expression: str, **fields: Any) -> Request:
        """Make a request with the model's default step count, checked as ``check`` does.

        ``fields`` are the other fields of ``Request``.
        """
        made = Request(expression, **{"steps": self.manifest.default_steps, **fields})
        self.check(made)
        return made

    def plan(self, request: Request) -> Plan:
        """Return the request's expression resolved to prompts, token rows and weights.

        Raises:
            ExpressionError, RequestError: text that cannot be read or rows that do not exist.
        """
        return self._plan(*plan_key(request))

    def check(self, request: Request) -> None:
        """Raise RequestError or ExpressionError if the model cannot render the request."""
        self.check_steps(request.steps)
        for prompt in self.plan(request).prompts:
            self.ids(prompt)

    def untaught(self, request: Request) -> str | None:
        """Return one line that names the words of a request the model was never taught, or None.

        Raises:
            ExpressionError, RequestError: as ``plan``.
        """
        if self.vocabulary is None:
            return None
        unknown = self.vocabulary.unknown(self.plan(request).prompts)
        if not unknown:
            return None
        named = []
        for word in unknown[:_NAMED]:
            near = self.vocabulary.nearest(word)
            named.append(f"{word!r}" + (f" (nearest: {near})" if near else ""))
        more = len(unknown) - len(named)
        return (
            f"{self.manifest.model} was never taught {', '.join(named)}"
            + (f" and {more} more" if more else "")
            + f": 'wordmorph models {self.manifest.model}' lists its words"
        )

    def check_size(self, size: tuple[int, int] | None) -> None:
        """Raise RequestError unless ``size`` (width, height) is None or the bundle's own."""
        made = self.manifest.width, self.manifest.height
        if size is not None and size != made:
            raise RequestError(
                f"{self.manifest.model} makes pictures of {made[0]}x{made[1]}, not "
                f"{size[0]}x{size[1]}: build it again with --size for another"
            )

    def check_steps(self, steps: int) -> None:
        """Raise RequestError, listing the counts on offer, if ``steps`` has no table."""
        offered = self.manifest.steps
        if steps not in offered:
            counts = ", ".join(str(count) for count in sorted(offered))
            raise RequestError(
                f"{self.manifest.model} has no table for {steps} steps: use {counts}"
            )

    def ids(self, prompt: str) -> tuple[NDArray[np.int64], ...]:
        """Return a prompt's ids int64 [1, T], one array for each tokenizer.

        Raises:
            RequestError: more tokens than the model reads.
        """
        return tuple(tokenizer.ids(prompt) for tokenizer in self.tokenizers)

    def _make(self, expression: str, edit: EditScope, edit_row: int | None, interp: Interp) -> Plan:
        return plan(
            parse(expression), self.tokenizers[0], edit=edit, edit_row=edit_row, interp=interp
        )
