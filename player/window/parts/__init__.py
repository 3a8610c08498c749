"""What the window draws, a part each."""
