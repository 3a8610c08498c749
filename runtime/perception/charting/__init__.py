"""More than one line: how far an axis goes, the plane of two axes, all lines between many words."""
