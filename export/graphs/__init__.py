"""Torch modules in, ONNX graphs and step tables out."""
