"""Organizations: members with roles, invitations, teams. Source: the protocol's document organization.md."""
