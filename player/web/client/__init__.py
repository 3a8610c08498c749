"""The window as a client of a server elsewhere."""
