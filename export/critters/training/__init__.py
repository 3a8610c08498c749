"""What the recipe trains, and how."""
