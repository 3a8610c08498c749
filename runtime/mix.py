"""Weights over a basis of prompts: every edit is a ``[B, K, T]`` array."""
