"""What is kept: stills, films, takes, cues, grids and ranges."""
