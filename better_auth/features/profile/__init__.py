"""What users do with their own record: change it, unlink accounts, delete it."""
