"""The protocol's wire formats and secrets at rest: pure functions that take their keys as arguments."""
