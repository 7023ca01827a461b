"""Reading, listing and ending sessions."""
