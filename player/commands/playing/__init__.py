"""What ``play`` and ``serve`` need: where a session opens, and what it leaves behind."""
