"""What goes wrong at a hub, in one line each: what happened and what can be done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from export.checkpoints.presets import Hub
from runtime.durable import NO_SPACE
from runtime.errors import BuildError

OTHERWISE = (
    "give another repository, or a folder or .safetensors file that holds the checkpoint, or set "
    "HF_ENDPOINT to a mirror of the hub"
)
LOG_IN = "run 'hf auth login' or set HF_TOKEN"


class Unfetched(BuildError):
    """One place that could not serve: ``reason`` goes after its name."""

    def __init__(self, hub: Hub, reason: str, *, is_final: bool = False) -> None:
        """``is_final`` when no other place would do better."""
        super().__init__(f"{hub.repo} {reason}")
        self.hub, self.reason, self.is_final = hub, reason, is_final


def altered(hub: Hub, name: str) -> Unfetched:
    """Return what is raised for a file that is not what it must be."""
    return Unfetched(hub, f"sends a damaged or altered {name}, or another one")


def unreachable() -> tuple[type[BaseException], ...]:
    """Return what is raised when the hub cannot be asked: the HTTP client's errors and OSError.

    The client has changed over the hub library's versions; its errors' base has not.
    """
    from huggingface_hub.errors import HfHubHTTPError

    return (OSError, *HfHubHTTPError.__bases__)


@contextlib.contextmanager
def explained(hub: Hub) -> Iterator[None]:
    """Turn what the hub's client raises into ``Unfetched``.

    The client wraps what the hub answered once more when it looked into its cache in vain, so the
    causes are asked too.
    """
    from huggingface_hub.errors import HFValidationError

    try:
        yield
    except Unfetched:
        raise
    except HFValidationError:
        raise Unfetched(hub, "is not the name of a hub repository", is_final=True) from None
    except unreachable() as error:
        raise _explain(hub, error) from None
    except ValueError as error:  # what is damaged cannot be fetched anew offline
        raise _explain(hub, error) from None


def _explain(hub: Hub, error: BaseException) -> Unfetched:
    from huggingface_hub.errors import (
        DisabledRepoError,
        GatedRepoError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in NO_SPACE:
            reason = "could not be fetched (the disk is full): free some space and build again"
            return Unfetched(hub, reason, is_final=True)
        if isinstance(cause, GatedRepoError):
            how = f"accept its licence on its page, then {LOG_IN} and try again"
            return Unfetched(hub, f"asks for consent: {how}")
        if isinstance(cause, RevisionNotFoundError):
            return Unfetched(hub, f"has no revision {hub.revision}")
        if isinstance(cause, DisabledRepoError):
            return Unfetched(hub, f"was disabled by the hub (403): {OTHERWISE}")
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(cause, RepositoryNotFoundError) or status in (401, 404):
            return Unfetched(hub, _absent(status))
        if status == 403:
            return Unfetched(hub, f"may not be read with this token (403): {LOG_IN} as one who may")
        if status == 429:
            return Unfetched(hub, f"answers too many requests (429): wait, or {LOG_IN}")
        if isinstance(status, int) and status >= 500:
            return Unfetched(hub, f"cannot be had, the hub has a fault ({status}): try again later")
        if isinstance(cause, OfflineModeIsEnabled):
            return Unfetched(
                hub,
                "could not be fetched, because HF_HUB_OFFLINE forbids the network and it is not "
                "in the cache: unset it, or give a folder that holds the checkpoint",
            )
    return Unfetched(
        hub,
        f"at {hub.revision[:12]} could not be fetched (is there a network?): build again when "
        f"there is one, what has come is kept; or {OTHERWISE}",
    )


def _absent(status: object) -> str:
    """Return words for a repository that the hub does not show to us.

    It answers 401 instead of 404 to those it does not know, so that private ones stay hidden.
    """
    from huggingface_hub import get_token

    if status == 401 and get_token():
        why = "is not there, or your token (HF_TOKEN) is not valid (401)"
        return f"{why}: {LOG_IN} anew, or {OTHERWISE}"
    if status == 401:
        return f"is not there, or is private (401): {LOG_IN} if it is yours, or {OTHERWISE}"
    return f"is not there (404), withdrawn or renamed: {OTHERWISE}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
