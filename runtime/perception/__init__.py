"""Pictures in, figures out: how different two look, and how fast a film changes."""
