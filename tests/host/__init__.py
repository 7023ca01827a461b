"""A small host project: its own user model, its own views."""
