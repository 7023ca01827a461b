"""What is remembered: frozen records above, rows and caches below."""
