"""Is it up, and what went wrong: ``/ok`` and ``/error``."""
