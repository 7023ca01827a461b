"""The settings of several sessions on a device, and of ways to sign in beside the password; a part of
``schema``."""

from __future__ import annotations

from dataclasses import dataclass

from better_auth.conf.declaring import setting


@dataclass(frozen=True, slots=True)
class MultiSessionSettings:
    maximum_sessions: int = setting(
        5,
        "Sessions of different users that one device keeps at once.",
        env="BETTER_AUTH_MULTI_SESSION_MAXIMUM",
        at_least=1,
    )


@dataclass(frozen=True, slots=True)
class OneTimeTokenSettings:
    expires_in_minutes: int = setting(
        3, "Minutes that a token is good for.", env="BETTER_AUTH_ONE_TIME_TOKEN_MINUTES", at_least=1
    )
    disable_client_request: bool = setting(
        False,
        "Only the host's own code makes tokens.",
        env="BETTER_AUTH_ONE_TIME_TOKEN_DISABLE_CLIENT_REQUEST",
    )
    disable_set_session_cookie: bool = setting(
        False,
        "Giving a token back sets no session cookie; the answer has the session.",
        env="BETTER_AUTH_ONE_TIME_TOKEN_DISABLE_SET_SESSION_COOKIE",
    )
    set_header_on_new_sessions: bool = setting(
        False,
        "Every answer that hands a session out has a token in the header ``set-ott``.",
        env="BETTER_AUTH_ONE_TIME_TOKEN_SET_HEADER",
    )


@dataclass(frozen=True, slots=True)
class AnonymousSettings:
    email_domain_name: str | None = setting(
        None,
        "Domain of the addresses ``temp-<id>@…``; unset: one that no mail can reach.",
        env="BETTER_AUTH_ANONYMOUS_EMAIL_DOMAIN",
    )
    generate_random_email: str | None = setting(None, "Callable ``() -> str`` that makes the address.")
    generate_name: str | None = setting(None, "Callable ``() -> str`` that makes the name.")
    disable_delete: bool = setting(
        False,
        "Anonymous users are not deleted, neither by themselves nor when they sign in with a name.",
        env="BETTER_AUTH_ANONYMOUS_DISABLE_DELETE",
    )
    on_link_account: str | None = setting(
        None,
        "Callable ``(*, anonymous_user, new_user, client)`` that moves what is the host's, when somebody "
        "anonymous signs in with a name; in one transaction with the deletion.",
    )


@dataclass(frozen=True, slots=True)
class DeviceAuthorizationSettings:
    expires_in: int = setting(
        1800, "Seconds that the codes are good for.", env="BETTER_AUTH_DEVICE_EXPIRES_IN", at_least=1
    )
    interval: int = setting(
        5, "Seconds that a device waits between two questions.", env="BETTER_AUTH_DEVICE_INTERVAL", at_least=0
    )
    device_code_length: int = setting(
        40, "Characters of the device's code.", env="BETTER_AUTH_DEVICE_CODE_LENGTH", at_least=32
    )
    user_code_length: int = setting(
        8, "Characters of the code that people type.", env="BETTER_AUTH_DEVICE_USER_CODE_LENGTH", at_least=6
    )
    verification_uri: str = setting(
        "/device",
        "Page on which people approve devices: ours, or one of the front end's.",
        env="BETTER_AUTH_DEVICE_VERIFICATION_URI",
    )
    sign_in_page: str | None = setting(
        None,
        "Page of the front end to which ours sends whoever is not signed in, with ``callbackURL``.",
        env="BETTER_AUTH_DEVICE_SIGN_IN_PAGE",
    )
    validate_client: str | None = setting(None, "Callable ``(client_id) -> bool``: which programs may ask.")
    on_request: str | None = setting(None, "Callable ``(*, client_id, scope)``, when a device asks.")


@dataclass(frozen=True, slots=True)
class PhoneNumberSettings:
    sender: str | None = setting(
        None,
        "Callable ``(*, phone_number, code, purpose)`` that sends a text message; ``purpose`` is "
        "``verify_phone_number`` or ``reset_password``. Unset: no codes (501).",
        env="BETTER_AUTH_PHONE_NUMBER_SENDER",
    )
    otp_length: int = setting(6, "Digits of a code.", env="BETTER_AUTH_PHONE_NUMBER_OTP_LENGTH", at_least=4)
    expires_in: int = setting(
        300, "Seconds that a code is good for.", env="BETTER_AUTH_PHONE_NUMBER_EXPIRES_IN", at_least=1
    )
    allowed_attempts: int = setting(
        3, "Wrong tries that a code bears.", env="BETTER_AUTH_PHONE_NUMBER_ALLOWED_ATTEMPTS", at_least=1
    )
    require_verification: bool = setting(
        False,
        "No sign-in by number and password before the number is verified.",
        env="BETTER_AUTH_PHONE_NUMBER_REQUIRE_VERIFICATION",
    )
    sign_up_on_verification: bool = setting(
        False,
        "Whoever proves a number that is nobody's is a new user.",
        env="BETTER_AUTH_PHONE_NUMBER_SIGN_UP",
    )
    temporary_email: str | None = setting(
        None, "Callable ``(phone_number) -> str``: the new user's address; unset: one that no mail can reach."
    )
    temporary_name: str | None = setting(
        None, "Callable ``(phone_number) -> str``: the new user's name; unset: the number."
    )
    validator: str | None = setting(None, "Callable ``(phone_number) -> bool``; unset: any text.")
    verifier: str | None = setting(
        None,
        "Callable ``(*, phone_number, code) -> bool``, where another service sends and judges the codes.",
    )
    on_verification: str | None = setting(
        None, "Callable ``(*, user, phone_number, client)``, after the commit."
    )
