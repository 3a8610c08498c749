"""What measures the trained model."""
