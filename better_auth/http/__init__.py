"""The transport edge: what reads requests and shapes responses, and holds no rule of authentication."""
