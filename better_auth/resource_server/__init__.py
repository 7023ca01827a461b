"""A service that is not the auth server: it believes what that one has signed, and asks it about the rest.

Nothing here needs a table: neither ours nor a user's. Sources: RFC 6750, 7517, 7662, 8725.
"""
