"""Which version of the program runs."""


def program_version() -> str:
    """Return the installed version of this program, or ``unknown`` when run uninstalled."""
    from importlib.metadata import PackageNotFoundError, version  # a tenth of the player's start

    try:
        return version("wordmorph")
    except PackageNotFoundError:
        return "unknown"
