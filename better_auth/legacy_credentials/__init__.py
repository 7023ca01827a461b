"""Credentials that a former system gave out, taken beside ours while people move (``DUAL_AUTH``).

``shown`` tells by its shape what a request carries, ``proving`` what it proves, ``subjects`` who that is
here. What is refused has a code that says why (``Refused``), and an address never leads to anybody.
"""
