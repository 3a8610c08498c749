"""Nothing is reported to anybody: what the libraries below us would send is switched off.

``runtime`` calls this when it is first imported, which is before any of those libraries in every
process of ours; children inherit the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import MappingProxyType

REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime: native code, reads it when it is imported
        "HF_HUB_DISABLE_TELEMETRY": "1",  # the hub's client, for diffusers and transformers too
        "DISABLE_TELEMETRY": "1",  # the same under the name that older ones read
        "DO_NOT_TRACK": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
)
"""environment variable → the value that refuses"""


def refuse() -> None:
    """Set ``REFUSALS``, whatever they were, and keep OpenVINO's reporter from being imported.

    OpenVINO reports every import from a process that it forks off a thread: that one can also
    hang for ever and hold our pipes open. Without its module it reports nothing.
    """
    os.environ.update(REFUSALS)
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
