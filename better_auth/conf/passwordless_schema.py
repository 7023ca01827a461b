"""The settings of user names and of signing in without a password; a part of ``schema``.

Source: passwordless.md, sections 1, 2 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from better_auth.conf.declaring import setting

Order = Literal["pre-normalization", "post-normalization"]


@dataclass(frozen=True, slots=True)
class UsernameSettings:
    min_length: int = setting(3, "Shortest user name.", env="BETTER_AUTH_USERNAME_MIN_LENGTH", at_least=1)
    max_length: int = setting(
        30, "Longest user name; 255 at most.", env="BETTER_AUTH_USERNAME_MAX_LENGTH", at_least=1
    )
    validator: str | None = setting(
        None,
        "Callable ``(username) -> bool``; unset: whether it has Latin letters, digits, ``_`` and ``.`` only.",
    )
    normalize: bool = setting(
        True, "Upper and lower case are the same.", env="BETTER_AUTH_USERNAME_NORMALIZE"
    )
    normalizer: str | None = setting(None, "Callable ``(username) -> str``, instead of lower case.")
    validation_order: Order = setting(
        "pre-normalization",
        "Judge user names as they are typed, or their normal form.",
        env="BETTER_AUTH_USERNAME_VALIDATION_ORDER",
    )
    immutable: bool = setting(False, "A user name, once chosen, stays.", env="BETTER_AUTH_USERNAME_IMMUTABLE")
    display_username: bool = setting(
        True, "Keep the form to be shown, too.", env="BETTER_AUTH_DISPLAY_USERNAME"
    )
    display_validator: str | None = setting(None, "Callable ``(display username) -> bool``.")
    display_normalizer: str | None = setting(None, "Callable ``(display username) -> str``.")
    display_validation_order: Order = setting(
        "pre-normalization",
        "The same for the form to be shown.",
        env="BETTER_AUTH_DISPLAY_USERNAME_VALIDATION_ORDER",
    )
