"""Words in, frames out: numpy and an engine runtime, no torch and no window."""

from runtime import telemetry

telemetry.refuse()
