"""How good a password is, for a form to show while somebody types."""

from __future__ import annotations

import re
from typing import TypedDict

from zxcvbn import zxcvbn

from better_auth import passwords
from better_auth.errors import AuthError

# The estimate's cost grows with the square of the length; more characters would not change the verdict.
ESTIMATED_CHARACTERS = 40


class Problem(TypedDict):
    code: str
    message: str


class Strength(TypedDict):
    """``score`` 0 (guessed at once) to 4; ``accepted``: the policy lets it pass."""

    score: int
    accepted: bool
    problems: list[Problem]
    suggestions: list[str]


def estimate(password: str, *, email: str = "", name: str = "") -> Strength:
    """The estimate by zxcvbn, with what the policy holds against the password."""
    # zxcvbn fails on no password at all; a space is as bad.
    known = {email, name, *re.split(r"[\W_]+", f"{email} {name}")} - {""}
    guess = zxcvbn(password[:ESTIMATED_CHARACTERS] or " ", user_inputs=sorted(known))
    feedback = guess["feedback"]
    problems = _problems(password, email=email, name=name)
    hints = [feedback["warning"], *feedback["suggestions"]]
    return {
        "score": guess["score"],
        "accepted": not problems,
        "problems": problems,
        "suggestions": [hint for hint in hints if hint],
    }


def _problems(password: str, *, email: str, name: str) -> list[Problem]:
    try:
        passwords.ensure_length(password)
    except AuthError as refusal:
        return [{"code": refusal.code.name if refusal.code else "", "message": str(refusal)}]
    found = passwords.find_problems(password, email=email, name=name)
    return [{"code": code.name, "message": message} for code, message in found]
