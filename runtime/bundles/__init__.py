"""The folders that export writes: what is in one, which are here, and how one comes to light."""
