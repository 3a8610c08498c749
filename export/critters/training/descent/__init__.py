"""How weights go down: the loop of a phase, its optimiser, its averages."""
