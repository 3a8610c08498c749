"""The errors a user can meet; each is one line that says what went wrong and what to do."""

import warnings


class MorphError(Exception):
    """Base of every error that is shown to the user as one line, without a traceback."""


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its type's name if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def last_line(error: BaseException) -> str:
    """Return the last line, where C++ libraries put the reason, as ``first_line`` does."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]


def bare_line(error: BaseException) -> str:
    """Return what an error says as one line of 200 characters at most, without its type."""
    if isinstance(error, RecursionError):
        return "it nests too deep"
    return " ".join(str(error).split())[:200]


def one_line(error: BaseException) -> str:
    """Return an error as one line; one that is not ours by its type and 300 characters of text."""
    text = " ".join(str(error).split())
    if isinstance(error, MorphError) and text:
        return text
    name = type(error).__name__
    return f"{name}: {text[:300]}" if text else name


def say_warnings_plainly() -> None:
    """From now on show this process's warnings as one line each, without file and source line."""
    warnings.formatwarning = lambda message, *_, **__: f"wordmorph: {message}\n"


class ExpressionError(MorphError):
    """An expression that cannot be read.

    ``str(error)`` is the message; ``caret()`` is the expression with a caret under the place.
    """

    def __init__(self, message: str, text: str, column: int) -> None:
        """Keep the offending ``text`` and the 0-based ``column`` of the place."""
        super().__init__(message)
        self.text = text
        self.column = column

    def caret(self) -> str:
        """Return two lines: the expression, and a caret under the place."""
        return f"{self.text}\n{' ' * self.column}^"


class RequestError(MorphError):
    """A seed, step count, size or position the model cannot serve."""


class BundleError(MorphError):
    """A bundle that is missing, incomplete, altered or of another format."""


class EngineError(MorphError):
    """An engine that cannot be built, loaded or run on this machine."""


class FrameCancelled(EngineError):
    """A frame that was given up while it was drawn, because another is waited for."""


class DeviceLost(EngineError):
    """A GPU that answers this process no more; another process can use it again."""


class NotFinite(EngineError):
    """A frame that came out as infinities or no numbers at all."""


class TargetError(MorphError):
    """A file or folder that cannot be written."""


class DisplayError(MorphError):
    """No window can be opened here."""


class BuildError(MorphError):
    """A checkpoint that cannot be turned into a bundle or an engine."""
