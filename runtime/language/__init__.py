"""Text in, expressions out: the grammar, its arithmetic, its hints, and the line a film runs along."""
