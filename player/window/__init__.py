"""The pygame window: events in, picture out."""
