"""Text in, expressions out: grammar, arithmetic, hints, and the line a film runs along."""
