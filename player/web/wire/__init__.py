"""What goes over the wire, and how much of it at once."""
