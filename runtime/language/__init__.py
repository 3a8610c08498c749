"""Text in, expressions out: the grammar, its arithmetic, its hints, the line a film runs along."""
