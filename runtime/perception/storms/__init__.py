"""How fast a film changes for the eye: its storms, flickers and jumps, and perceptual time."""
