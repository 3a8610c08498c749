"""The same frames on many processes or machines."""
