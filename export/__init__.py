"""Checkpoints in, bundles and engines out: the only package that imports torch."""
