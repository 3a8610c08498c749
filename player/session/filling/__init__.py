"""What idle time draws into the frame cache, in which order, and what that tells of the line."""
