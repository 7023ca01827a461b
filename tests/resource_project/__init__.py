"""A small service that is not the auth server: no user table, none of our tables, a table of its own."""
