"""JWTs of sessions, their public keys, and access and refresh tokens."""
