"""Sign-up, sign-in, and the life of a password."""
