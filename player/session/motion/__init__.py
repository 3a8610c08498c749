"""Where the playhead is, how it moves, and on which beat."""
