"""Objects of native libraries that must not be destroyed any more."""

from __future__ import annotations

import ctypes


def abandon(thing: object) -> None:
    """Keep ``thing`` to the end of the process, without running its destructor even then.

    What holds a GPU that was lost, or a stream in the middle of a capture, may end the process
    when it is destroyed. Its memory is lost until the process ends.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
