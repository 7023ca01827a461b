"""A credential of a former system, once, for a session of ours."""
