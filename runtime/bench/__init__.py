"""How fast this machine draws."""
