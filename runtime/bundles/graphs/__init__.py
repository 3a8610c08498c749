"""ONNX files of strangers, read as data and checked before anything runs them."""
