"""One file a command; ``player.cli`` puts them together."""
