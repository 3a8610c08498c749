"""Knobs, pads, messages and clocks: they act on a session by the table of actions."""
