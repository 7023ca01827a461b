"""The auth proxy, answered by ourselves: for front ends that talk to their own backend only."""
