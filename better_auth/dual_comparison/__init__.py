"""Of some requests both systems are asked who calls, and it is counted where they disagree.

``DualComparisonMiddleware`` changes no answer; ``manage.py dual_report`` shows what it found.
"""
