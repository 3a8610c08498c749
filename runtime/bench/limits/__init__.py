"""What a graph asks for, and the most that this machine can do of it."""
