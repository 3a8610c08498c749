"""A part of the README that a module makes from files of JSON, and its command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from runtime.errors import BundleError, MorphError, TargetError, first_line

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """What stands in the README between two marks, ``begin`` and ``end``."""

    module: str
    begin: str
    end: str
    parse: Callable[[str], T]
    """reads the text of a file; raises BundleError"""
    make: Callable[[Sequence[T]], str]
    """returns the part, its marks included"""

    def read(self, paths: Sequence[Path]) -> list[T]:
        """Read files, in the order given.

        Raises:
            BundleError: one that holds something else.
            TargetError: one that cannot be read.
        """
        found = []
        for path in paths:
            try:
                found.append(self.parse(path.read_text(encoding="utf-8")))
            except (OSError, UnicodeError) as error:
                raise TargetError(f"{path} cannot be read: {first_line(error)}") from None
            except BundleError as error:
                raise BundleError(f"{path}: {error}") from None
        return found

    def insert(self, text: str, made: str) -> str:
        """Return a README's text with ``made`` in the part's place.

        Raises:
            TargetError: the text has no such place.
        """
        before, begin, rest = text.partition(self.begin)
        _old, end, after = rest.partition(self.end)
        if not begin or not end:
            raise TargetError(f"there is no section between {self.begin} and {self.end}")
        return before + made + after

    def main(self, argv: Sequence[str] | None, doc: str | None, files: str) -> int:
        """Run the module's command line; return the exit status. ``files`` are told in its help."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}", description=doc)
        parser.add_argument("files", nargs="+", type=Path, help=files)
        parser.add_argument("--into", type=Path, metavar="README", help="replace the part there")
        options = parser.parse_args(argv)
        try:
            made = self.make(self.read(options.files))
            if options.into is None:
                print(made)
            else:
                text = self.insert(options.into.read_text(encoding="utf-8"), made)
                options.into.write_text(text, encoding="utf-8")
        except (MorphError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        return 0
