"""An authentication server for Django that speaks the Better Auth protocol."""

__version__ = "0.1.0"
