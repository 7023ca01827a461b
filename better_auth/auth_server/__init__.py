"""The client of an auth server that is another process: everything that goes over the network to it."""
