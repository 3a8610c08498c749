"""ONNX graphs in, TensorRT engines out, once per GPU."""
