"""Which version of the program runs."""


def program_version() -> str:
    """Return the installed version of this program, or ``unknown`` when run uninstalled."""
    from importlib.metadata import (  # slow, and ``play`` starts without
        PackageNotFoundError,
        version,
    )

    try:
        return version("wordmorph")
    except PackageNotFoundError:
        return "unknown"
