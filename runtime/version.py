"""Which version of the program runs, and of what draws for it."""


def library_version(engine: str) -> str:
    """Return the version of the library behind an engine runtime, or ``unknown`` without one."""
    from importlib.metadata import PackageNotFoundError, version  # slow, as below

    package = engine.replace("_", "-").removesuffix("-cpu")
    for name in (package, f"{package}-gpu", f"{package}-cu13", f"{package}-cu12"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"


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
