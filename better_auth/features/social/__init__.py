"""Sign-in with providers; without any configured, the refusals that the protocol names."""
