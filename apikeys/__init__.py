"""API keys: credentials for programs. Source: the plugin ``@better-auth/api-key`` (api-key.md)."""
