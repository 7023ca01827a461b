"""Sign-in with providers of identities, and the accounts there that users link."""
