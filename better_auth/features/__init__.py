"""Families of endpoints: rules in modules named for actions, and ``endpoints`` that speak the protocol."""
