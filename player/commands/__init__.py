"""One file a command; ``player.program`` knows the room of each."""
