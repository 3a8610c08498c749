"""Which version of the program runs."""

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """Return the installed version of this program, or ``unknown`` when run uninstalled."""
    try:
        return version("wordmorph")
    except PackageNotFoundError:
        return "unknown"
