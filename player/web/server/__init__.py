"""The session on one port: who is here, who performs, what each is told."""
