"""Signing in by a user name, and whether one is free."""
