"""The endpoints of magic links and of mailed codes."""
