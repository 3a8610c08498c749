"""Whether other programs kept the cores busy while a figure was taken."""

from __future__ import annotations

from runtime.bench.machine import Watch

QUIET = 0.1
"""share of all cores that others may take before a bound on times means nothing"""


class Neighbours(Watch):
    """Watches them from its making on; whatever we start must have ended when it is asked."""

    @property
    def share(self) -> float:
        """The share of all cores that others took since, 0 to 1; 1 where that is unknown."""
        others = self.others()
        return 1.0 if others is None else others

    @property
    def quiet(self) -> bool:
        """Whether that was little."""
        return self.share < QUIET
