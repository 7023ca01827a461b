"""Every path wants somebody who is signed in, unless it is declared public; some want more.

The guide is docs/zero-trust.md.

``ZeroTrustMiddleware`` keeps the gate, ``public`` declares views, ``verify_trust`` is the rule by itself.
"""
