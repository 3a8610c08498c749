"""The render thread, and what it has learned."""
