"""A second factor beside the password. Source: two-factor.md."""
