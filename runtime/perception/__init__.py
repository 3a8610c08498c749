"""Pictures in, figures out: how different two look; how fast a film changes; charts of many."""
