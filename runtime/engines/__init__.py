"""Weights in, pixels out: one room for each engine runtime, behind one protocol."""

import os
import sys

# OpenVINO reports every import to its maker, from a process that it forks off a thread: that one
# can hang for ever and hold our pipes open. Without the module OpenVINO reports nothing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
# ONNX Runtime reports to its maker from native code; it reads this when it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
