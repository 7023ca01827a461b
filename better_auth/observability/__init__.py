"""Receivers of events; connected when the app is ready, imported by nobody else."""
