"""A bundle's graphs in int8, calibrated on the bundle's own frames; always in a child process."""
