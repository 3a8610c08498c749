<<<<<<< HEAD
"""Text in, expressions out: the grammar, its arithmetic, its hints, the line a film runs along."""
=======
"""Text in, expressions out: grammar, arithmetic, hints, and the line a film runs along."""
>>>>>>> w11e
