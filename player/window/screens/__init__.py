"""What a window's pixels are put on: its own surface, or a texture that a GPU scales."""
