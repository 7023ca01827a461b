"""The command line of ``migrate_users``: questions, progress, summaries, exit codes."""
