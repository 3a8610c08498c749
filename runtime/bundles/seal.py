"""Seal a bundle again after its manifest was edited by hand: ``python -m runtime.bundles.seal``.

What export writes is sealed already, by the same ``Manifest.to_json``.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import msgspec

from runtime.bundles.bundle import Bundle, open_bundle
from runtime.bundles.files import read_regular, sha256_file
from runtime.bundles.manifest import MANIFEST, MANIFEST_BYTES, content_digest, parse_manifest
from runtime.durable import write_aside
from runtime.errors import BundleError, MorphError


def seal(folder: Path) -> Bundle:
    """Write the lengths, hashes and digest of a bundle anew; the manifest is replaced whole.

    Raises:
        BundleError: there is no manifest, or it or a file is not what an exporter writes.
    """
    path = folder / MANIFEST
    try:
        raw = msgspec.json.decode(read_regular(path, MANIFEST_BYTES), type=dict)
        raw["digest"] = content_digest(raw)
        manifest = parse_manifest(msgspec.json.encode(raw))
        files = {name: sha256_file(folder / name) for name in manifest.files}
        with write_aside(path) as scratch:
            scratch.write_text(replace(manifest, files=files).to_json(), encoding="utf-8")
    except OSError as error:
        raise BundleError(f"{folder} cannot be sealed: {error.strerror}") from None
    except (BundleError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} cannot be sealed: {error}") from None
    return open_bundle(folder)


def main(argv: list[str] | None = None) -> int:
    """Seal the folders named on the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m runtime.bundles.seal", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="+")
    try:
        for folder in parser.parse_args(argv).folder:
            seal(folder)
    except MorphError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
