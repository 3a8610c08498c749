"""ONNX Runtime, on a GPU or the CPU."""
