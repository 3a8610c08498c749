"""The built-in model: pictures it is trained on, its recipe and its measurement."""
