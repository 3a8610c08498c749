"""What people call things, as names of files and folders."""

from __future__ import annotations

import re
import unicodedata


def slug(text: str, length: int = 64, marks: str = "._-") -> str:
    """Return a name that is one plain folder name on every system: a-z, 0-9 and ``marks``.

    ``marks`` holds a dash. Never empty, never marks alone, at most ``length`` characters.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(rf"[^a-z0-9{re.escape(marks)}]+", "-", plain).strip(marks)
    return name[:length].rstrip(marks) or "model"
