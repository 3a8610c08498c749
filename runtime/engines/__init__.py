"""Weights in, pixels out: one room for each engine runtime, behind one protocol."""
