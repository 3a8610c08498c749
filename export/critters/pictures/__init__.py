"""The pictures that the built-in model learns, drawn by formula."""
