"""Signing in on devices without a keyboard, by approving them elsewhere (RFC 8628)."""
