"""Telephone numbers: proven by a code, to sign in by and to reset a password with."""
