"""The models, the render thread, what it is asked, and what its pictures took."""
