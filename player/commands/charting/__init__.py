"""The commands that chart change: along a line, an axis, a plane, and among words."""
