"""The operations below ``/organization``, a module for each kind of thing."""
