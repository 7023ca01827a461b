"""Brings users over from other systems: in batches, twice if need be, and back again."""
