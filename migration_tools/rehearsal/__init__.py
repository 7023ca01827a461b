"""A migration tried out, from the dry run to the way back, on a database that is made for it."""

# The environment variable that names what differs in a process of a rehearsal.
VARIABLE = "MIGRATION_REHEARSAL"
# The name under which such a process finds what is ``default`` for everybody else.
REAL_DEFAULT = "rehearsal_real_default"
