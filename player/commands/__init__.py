"""One file a command; ``player.program`` puts them together."""
