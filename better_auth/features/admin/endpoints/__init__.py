"""The admin API's endpoints, below ``/admin``."""
