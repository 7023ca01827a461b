"""WebSockets that know who is there: handshake, limits, and what happens to a session while a socket is open.

``middleware`` is for the auth server and its host, ``resource_server`` for services that trust one elsewhere;
all that both share needs no model.
"""
