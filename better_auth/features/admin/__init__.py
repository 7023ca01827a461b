"""What administrators do to users and their sessions. Source: admin.md."""
