"""The device's API, and a page for people."""
