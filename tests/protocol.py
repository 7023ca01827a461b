"""What the protocol's documents say, for tests to compare with: messages, cookies, links in mails."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

SESSION_TOKEN = "better-auth.session_token"
SESSION_DATA = "better-auth.session_data"
DONT_REMEMBER = "better-auth.dont_remember"
ATTRIBUTES = "Path=/; HttpOnly; SameSite=Lax"
CLEARED = {name: f"{name}=; Max-Age=0; {ATTRIBUTES}" for name in (SESSION_TOKEN, SESSION_DATA, DONT_REMEMBER)}
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TOKEN = re.compile(r"[a-zA-Z0-9]{32}")

# core.md, section 9, and the endpoints' own tables.
MESSAGES = {
    "ACCOUNT_NOT_FOUND": "Account not found",
    "BAD_REQUEST": "Invalid JSON in request body",
    "CHANGE_EMAIL_DISABLED": "Change email is disabled",
    "CREDENTIAL_ACCOUNT_NOT_FOUND": "Credential account not found",
    "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED": (
        "Cross-site navigation login blocked. This request appears to be a CSRF attack."
    ),
    "EMAIL_ALREADY_VERIFIED": "Email is already verified",
    "EMAIL_CAN_NOT_BE_UPDATED": "Email can not be updated",
    "EMAIL_MISMATCH": "Email mismatch",
    "EMAIL_NOT_VERIFIED": "Email not verified",
    "EMAIL_PASSWORD_DISABLED": "Email and password is not enabled",
    "EMAIL_PASSWORD_SIGN_UP_DISABLED": "Email and password sign up is not enabled",
    "FAILED_TO_GET_USER_INFO": "Failed to get user info",
    "FAILED_TO_UNLINK_LAST_ACCOUNT": "You can't unlink your last account",
    "INTERNAL_SERVER_ERROR": "Internal Server Error",
    "INVALID_CALLBACK_URL": "Invalid callbackURL",
    "INVALID_EMAIL": "Invalid email",
    "INVALID_EMAIL_OR_PASSWORD": "Invalid email or password",
    "INVALID_ERROR_CALLBACK_URL": "Invalid errorCallbackURL",
    "INVALID_NEW_USER_CALLBACK_URL": "Invalid newUserCallbackURL",
    "INVALID_ORIGIN": "Invalid origin",
    "INVALID_PASSWORD": "Invalid password",
    "INVALID_REDIRECT_URL": "Invalid redirectURL",
    "INVALID_TOKEN": "Invalid token",
    "INVALID_USER": "Invalid user",
    "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED": (
        "POST method requires deferSessionRefresh to be enabled in session config"
    ),
    "MISSING_OR_NULL_ORIGIN": "Missing or null Origin",
    "NOT_FOUND": "Not found",
    "PASSWORD_COMPROMISED": (
        "The password you entered has been compromised. Please choose a different password."
    ),
    "PASSWORD_TOO_LONG": "Password too long",
    "PASSWORD_TOO_SHORT": "Password too short",
    "PROVIDER_NOT_CONFIGURED": "Account is not associated with a configured social provider.",
    "PROVIDER_NOT_FOUND": "Provider not found",
    "RESET_PASSWORD_DISABLED": "Reset password isn't enabled",
    "SESSION_EXPIRED": "Session expired. Re-authenticate to perform this action.",
    "SESSION_NOT_FRESH": "Session is not fresh",
    "TOKEN_EXPIRED": "Token expired",
    "UNAUTHORIZED": "Unauthorized",
    "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL": "User already exists. Use another email.",
    "USER_NOT_FOUND": "User not found",
    "VERIFICATION_EMAIL_NOT_ENABLED": "Verification email isn't enabled",
    # two-factor.md, section 6
    "OTP_HAS_EXPIRED": "OTP has expired",
    "TOTP_NOT_ENABLED": "TOTP not enabled",
    "TOTP_ALREADY_ENABLED": "TOTP is already enabled",
    "TWO_FACTOR_NOT_ENABLED": "Two factor isn't enabled",
    "BACKUP_CODES_NOT_ENABLED": "Backup codes aren't enabled",
    "INVALID_BACKUP_CODE": "Invalid backup code",
    "INVALID_CODE": "Invalid code",
    "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE": "Too many attempts. Please request a new code.",
    "INVALID_TWO_FACTOR_COOKIE": "Invalid two factor cookie",
    "ACCOUNT_TEMPORARILY_LOCKED": (
        "Too many failed verification attempts. Your account is temporarily locked. Please try again later."
    ),
    "NOT_ALLOWED_WHILE_IMPERSONATING": "Only the users themselves can do this",
}


def refusal(code: str) -> dict[str, str]:
    """The error body of a code."""
    return {"message": MESSAGES[code], "code": code}


def invalid(*problems: str) -> dict[str, str]:
    """The error body of a body or query that its schema refuses."""
    return {"message": "; ".join(problems), "code": "VALIDATION_ERROR"}


def answered(response: Any) -> tuple[int, Any]:
    """Status and body; an empty body is None, told apart from ``null``, which is the text ``"null"``."""
    if not response.content:
        return response.status_code, None
    return response.status_code, "null" if response.content == b"null" else response.json()


def set_cookies(response: Any) -> dict[str, str]:
    """The ``Set-Cookie`` headers by name, in their order; without those by which a device keeps several
    sessions, which ``kept_sessions`` has."""
    written = {name: morsel.OutputString() for name, morsel in response.cookies.items()}
    return {name: text for name, text in written.items() if not name.rpartition("_multi-")[1]}


def kept_sessions(response: Any) -> dict[str, str]:
    """Those, by the token in lower case that their names carry."""
    named = ((name.partition("_multi-"), morsel) for name, morsel in response.cookies.items())
    return {token: morsel.OutputString() for (_, mark, token), morsel in named if mark}


def token_in_cookie(response: Any) -> str:
    """The bare session token that a response hands out."""
    value = set_cookies(response)[SESSION_TOKEN].split(";")[0].partition("=")[2]
    return unquote(value).rpartition(".")[0]


def link_in(mail: Any) -> str:
    """The link of a mail's text."""
    found = re.findall(r"https?://\S+", mail.body)
    assert len(found) == 1, mail.body
    return str(found[0])


def path_of(link: str, *, base: str = "/api/auth") -> str:
    """The link's path and query below the base path."""
    parts = urlsplit(link)
    assert parts.path.startswith(base)
    return parts.path.removeprefix(base) + (f"?{parts.query}" if parts.query else "")


def query_of(link: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))
