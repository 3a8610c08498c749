"""What a person at the controls changes, whatever the front end: no pygame, no network."""
