"""Who is calling: one ``authenticate(credentials) -> Principal`` behind every door."""
