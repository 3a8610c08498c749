"""The colours that charts share."""

INK, DIM, FAINT, RULE = "#22282f", "#6d767f", "#7b848e", "#d5dade"
"""of titles, of smaller letters, of what is read last, and of thin lines"""
CURVE, STORM = "#2f5d7c", "#c2502f"
