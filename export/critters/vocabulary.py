"""The words the built-in model was taught: ``python -m export.critters.vocabulary``.

Writes them into the trained model's folder, from where every build takes them into its bundle;
``--bundle FOLDER`` adds them to a bundle that is there already.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from export.critters.pictures.captions import taught_words
from runtime.bundles.bundle import open_bundle
from runtime.bundles.files import sha256_file
from runtime.bundles.manifest import MANIFEST
from runtime.bundles.vocabulary import FILE, write_vocabulary
from runtime.durable import write_aside
from runtime.errors import MorphError

MODEL = Path(__file__).parent / "model"


def add_to_bundle(folder: Path) -> None:
    """Put the vocabulary into a bundle and list it in its manifest.

    Raises:
        BundleError: a bundle that is damaged before or after.
    """
    manifest = open_bundle(folder).manifest
    record = sha256_file(write_vocabulary(folder, taught_words()))
    manifest = replace(manifest, files={**manifest.files, FILE: record})
    with write_aside(folder / MANIFEST) as scratch:
        scratch.write_text(manifest.to_json(), encoding="utf-8")
    open_bundle(folder)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m export.critters.vocabulary")
    parser.add_argument("--model", type=Path, default=MODEL, help="the trained model's folder")
    parser.add_argument("--bundle", type=Path, help="a bundle made of it")
    options = parser.parse_args(argv)
    try:
        print(write_vocabulary(options.model, taught_words()))
        if options.bundle is not None:
            add_to_bundle(options.bundle)
            print(options.bundle / FILE)
    except (MorphError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
