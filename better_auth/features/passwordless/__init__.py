"""Signing in by proving an e-mail address, and what else mailed codes are good for."""
