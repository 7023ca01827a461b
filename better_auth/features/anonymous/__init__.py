"""People without a name, until they sign in with one."""
