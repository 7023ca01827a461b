"""Introspection and revocation of tokens, for resource servers. Sources: RFC 7662 and RFC 7009."""
