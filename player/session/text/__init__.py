"""Words and tokens: what a person who types is offered, and what the encoder read of it."""
