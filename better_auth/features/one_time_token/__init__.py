"""A session carried from one client to another by a token that is good once."""
