"""Which version of the program runs, and of what draws for it."""

from contextlib import suppress


def library_version(engine: str) -> str:
    """Return the version of the library behind an engine runtime, or ``unknown`` without one."""
    package = engine.replace("_", "-").removesuffix("-cpu")
    return _installed(package, f"{package}-gpu", f"{package}-cu13", f"{package}-cu12")


def program_version() -> str:
    """Return the installed version of this program, or ``unknown`` when run uninstalled."""
    return _installed("wordmorph")


def _installed(*packages: str) -> str:
    """Return the version of the first of ``packages`` that is installed, or ``unknown``."""
    from importlib import metadata  # slow, and ``play`` starts without

    for name in packages:
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return "unknown"
