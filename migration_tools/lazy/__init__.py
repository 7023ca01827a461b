"""Lazy migration and shadow mode: the legacy system is asked at sign-in (docs/migration/lazy.md)."""
