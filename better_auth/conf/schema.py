"""Every setting of ``settings.BETTER_AUTH``: its name, type, default, environment variable and meaning.

``docs/configuration.md`` is generated from this module (``manage.py auth_settings --markdown``), and a test
holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings as django_settings

from better_auth.conf.admin_schema import AdminSettings
from better_auth.conf.api_key_schema import ApiKeySettings
from better_auth.conf.declaring import group, setting
from better_auth.conf.dual_schema import DualAuthSettings
from better_auth.conf.edge_schema import AuthProxySettings, CorsSettings
from better_auth.conf.migration_schema import MigrationSettings
from better_auth.conf.organization_schema import OrganizationSettings
from better_auth.conf.passkey_schema import PasskeySettings
from better_auth.conf.passwordless_schema import EmailOtpSettings, MagicLinkSettings, UsernameSettings
from better_auth.conf.resource_schema import AuthServerSettings, ResourceServerSettings
from better_auth.conf.session_schema import CookieSettings, SessionSettings
from better_auth.conf.sign_in_schema import (
    AnonymousSettings,
    DeviceAuthorizationSettings,
    MultiSessionSettings,
    OneTimeTokenSettings,
    PhoneNumberSettings,
)
from better_auth.conf.social_schema import AccountSettings, SocialSettings
from better_auth.conf.token_schema import IntrospectionSettings, JwtSettings, TokenSettings
from better_auth.conf.trust_schema import ZeroTrustSettings
from better_auth.conf.two_factor_schema import TwoFactorSettings
from better_auth.conf.websocket_schema import WebSocketSettings

DEFAULT_AUTHENTICATORS = (
    "better_auth.authentication.authenticators.jwt.authenticate",
    "better_auth.authentication.authenticators.access_token.authenticate",
    "better_auth.authentication.authenticators.bearer.authenticate",
    "better_auth.authentication.authenticators.session_cookie.authenticate",
)


@dataclass(frozen=True, slots=True)
class EmailPasswordSettings:
    enabled: bool = setting(
        True, "Sign-in with e-mail and password.", env="BETTER_AUTH_EMAIL_PASSWORD_ENABLED"
    )
    disable_sign_up: bool = setting(
        False, "Nobody can sign up by themselves.", env="BETTER_AUTH_DISABLE_SIGN_UP"
    )
    auto_sign_in: bool = setting(True, "Signing up signs in.", env="BETTER_AUTH_AUTO_SIGN_IN")
    require_email_verification: bool = setting(
        False, "No sign-in before the address is verified.", env="BETTER_AUTH_REQUIRE_EMAIL_VERIFICATION"
    )
    reset_enabled: bool = setting(True, "Passwords can be reset by mail.", env="BETTER_AUTH_RESET_ENABLED")
    reset_expires_in: int = setting(
        3600, "Seconds that a reset link is good for.", env="BETTER_AUTH_RESET_EXPIRES_IN", at_least=1
    )
    reset_page: str | None = setting(
        None,
        "Page of the front end that asks for the new password, for resets that an operator sends.",
        env="BETTER_AUTH_RESET_PAGE",
    )
    revoke_sessions_on_reset: bool = setting(
        False, "A reset ends all sessions of the user.", env="BETTER_AUTH_REVOKE_SESSIONS_ON_RESET"
    )


@dataclass(frozen=True, slots=True)
class PasswordSettings:
    min_length: int = setting(8, "Shortest password.", env="BETTER_AUTH_PASSWORD_MIN_LENGTH", at_least=1)
    max_length: int = setting(128, "Longest password.", env="BETTER_AUTH_PASSWORD_MAX_LENGTH", at_least=1)
    refuse_common: bool = setting(
        True, "Refuse the passwords that everybody tries first.", env="BETTER_AUTH_PASSWORD_REFUSE_COMMON"
    )
    validators: tuple[str, ...] = setting(
        (),
        "Further Django password validators, as dotted paths of classes.",
        env="BETTER_AUTH_PASSWORD_VALIDATORS",
    )
    argon2_memory_cost: int = setting(
        19456, "Memory of Argon2id in KiB.", env="BETTER_AUTH_ARGON2_MEMORY_COST", at_least=8
    )
    argon2_time_cost: int = setting(2, "Passes of Argon2id.", env="BETTER_AUTH_ARGON2_TIME_COST", at_least=1)
    argon2_parallelism: int = setting(
        1, "Lanes of Argon2id.", env="BETTER_AUTH_ARGON2_PARALLELISM", at_least=1
    )
    equalized_algorithms: tuple[str, ...] = setting(
        (),
        "Algorithms of hashes brought over; a failed sign-in costs them all, so time tells nobody apart.",
        env="BETTER_AUTH_PASSWORD_EQUALIZED_ALGORITHMS",
    )
    max_concurrent_hashes: int | None = setting(
        None,
        "Passwords hashed at once in one process; unset: the number of processors.",
        env="BETTER_AUTH_PASSWORD_MAX_CONCURRENT",
        at_least=1,
    )
    max_waiting_hashes: int = setting(
        64,
        "Requests that may wait for their turn to hash; more get 503. "
        "Keep it below the threads of a WSGI server.",
        env="BETTER_AUTH_PASSWORD_MAX_WAITING",
        at_least=0,
    )


@dataclass(frozen=True, slots=True)
class EmailVerificationSettings:
    enabled: bool = setting(
        True, "Addresses can be verified by mail.", env="BETTER_AUTH_EMAIL_VERIFICATION_ENABLED"
    )
    send_on_sign_up: bool | None = setting(
        None,
        "Mail the link at sign-up; unset: where verification is required.",
        env="BETTER_AUTH_VERIFY_ON_SIGN_UP",
    )
    send_on_sign_in: bool = setting(
        False,
        "Mail a new link when an unverified address tries to sign in.",
        env="BETTER_AUTH_VERIFY_ON_SIGN_IN",
    )
    auto_sign_in: bool = setting(False, "Following the link signs in.", env="BETTER_AUTH_VERIFY_SIGNS_IN")
    expires_in: int = setting(
        3600, "Seconds that a link is good for.", env="BETTER_AUTH_VERIFICATION_EXPIRES_IN", at_least=1
    )


@dataclass(frozen=True, slots=True)
class UserSettings:
    change_email: bool = setting(False, "Users can change their address.", env="BETTER_AUTH_CHANGE_EMAIL")
    change_email_unverified_at_once: bool = setting(
        False,
        "An unverified address is changed at once, without a mail.",
        env="BETTER_AUTH_CHANGE_EMAIL_UNVERIFIED_AT_ONCE",
    )
    change_email_confirmation: bool = setting(
        False,
        "A verified address must first confirm the change.",
        env="BETTER_AUTH_CHANGE_EMAIL_CONFIRMATION",
    )
    delete_user: bool = setting(False, "Users can delete themselves.", env="BETTER_AUTH_DELETE_USER")
    delete_user_verification: bool = setting(
        False, "Deletion needs a mailed link.", env="BETTER_AUTH_DELETE_USER_VERIFICATION"
    )
    delete_token_expires_in: int = setting(
        86400,
        "Seconds that the link for deletion is good for.",
        env="BETTER_AUTH_DELETE_TOKEN_EXPIRES_IN",
        at_least=1,
    )
    additional_fields: Mapping[str, Any] = setting(
        {}, "Fields of the host: name to options (type, required, input, returned, default, validator)."
    )
    default_role: str = setting("user", "Role of a new user.", env="BETTER_AUTH_DEFAULT_ROLE")
    banned_message: str = setting(
        "You have been banned from this application. Please contact support if you believe this is an error.",
        "What a banned user is told.",
        env="BETTER_AUTH_BANNED_MESSAGE",
    )


@dataclass(frozen=True, slots=True)
class RateLimitSettings:
    enabled: bool | None = setting(
        None,
        "Limit how often somebody may call; unset: wherever DEBUG is off.",
        env="BETTER_AUTH_RATE_LIMIT_ENABLED",
    )
    window: int = setting(
        10, "Seconds of the default limit.", env="BETTER_AUTH_RATE_LIMIT_WINDOW", at_least=1
    )
    max: int = setting(
        100,
        "Calls of a route by one address in that time; for 100 a minute set WINDOW to 60.",
        env="BETTER_AUTH_RATE_LIMIT_MAX",
        at_least=1,
    )
    rules: tuple[str, ...] = setting(
        (),
        "Limits of some routes: ``/get-session 1000/10``, ``/sign-in* 5/60``, ``/ok off``; the first counts.",
        env="BETTER_AUTH_RATE_LIMIT_RULES",
    )
    failed_sign_ins: int = setting(
        5,
        "Failed sign-ins to one account, whatever the address.",
        env="BETTER_AUTH_FAILED_SIGN_INS",
        at_least=1,
    )
    failed_sign_ins_window: int = setting(
        900, "Seconds in which they are counted.", env="BETTER_AUTH_FAILED_SIGN_INS_WINDOW", at_least=1
    )
    mails: int = setting(
        10,
        "Links and codes mailed to one address, whoever asks.",
        env="BETTER_AUTH_MAILS_PER_ADDRESS",
        at_least=1,
    )
    mails_window: int = setting(
        900, "Seconds in which they are counted.", env="BETTER_AUTH_MAILS_PER_ADDRESS_WINDOW", at_least=1
    )
    redis_url: str | None = setting(
        None,
        "Where to count; unset: the default cache's Redis, else each process.",
        env="BETTER_AUTH_RATE_LIMIT_REDIS_URL",
    )

    @property
    def is_on(self) -> bool:
        return not django_settings.DEBUG if self.enabled is None else self.enabled


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    token: str | None = setting(
        None, "Bearer token that may read ``/metrics``.", env="BETTER_AUTH_METRICS_TOKEN"
    )
    allowed_addresses: tuple[str, ...] = setting(
        ("127.0.0.1", "::1"),
        "Addresses or networks that may read ``/metrics`` without a token.",
        env="BETTER_AUTH_METRICS_ALLOWED_ADDRESSES",
    )


@dataclass(frozen=True, slots=True)
class HookSettings:
    before_sign_up: str | None = setting(None, "Callable ``(*, email, name, fields, client)``; may refuse.")
    after_sign_up: str | None = setting(None, "Callable ``(*, user, client)``, after the commit.")
    before_sign_in: str | None = setting(None, "Callable ``(*, user, method, client)``; may refuse.")
    after_sign_in: str | None = setting(None, "Callable ``(*, user, session, client)``, after the commit.")
    before_session: str | None = setting(None, "Callable ``(*, user, method, client)``; may refuse.")
    after_session: str | None = setting(None, "Callable ``(*, user, session, client)``, after the commit.")
    jwt_claims: str | None = setting(
        None, "Callable ``(*, user, session) -> dict``: the claims of a JWT, instead of the whole user."
    )


@dataclass(frozen=True, slots=True)
class AuditSettings:
    retention_days: int = setting(
        365,
        "Days after which ``cleanup_auth`` deletes audit entries; 0 keeps them for good.",
        env="BETTER_AUTH_AUDIT_RETENTION_DAYS",
        at_least=0,
    )


@dataclass(frozen=True, slots=True)
class MailSettings:
    sender: str = setting(
        "better_auth.mail.send_with_django",
        "Callable ``(Message) -> None`` that delivers a mail.",
        env="BETTER_AUTH_MAIL_SENDER",
    )
    max_queued: int = setting(
        1000,
        "Mails waiting for a slow mail server; more are dropped, with a log line.",
        env="BETTER_AUTH_MAIL_MAX_QUEUED",
        at_least=1,
    )


@dataclass(frozen=True, slots=True)
class BetterAuthSettings:
    base_url: str = setting(
        "http://127.0.0.1:8000",
        "Public origin of the server; links in mails start with it.",
        env="BETTER_AUTH_URL",
    )
    base_path: str = setting(
        "/api/auth", "Path below which the endpoints are mounted.", env="BETTER_AUTH_BASE_PATH"
    )
    secret: str = setting(
        "",
        "Signs the cookies; at least 32 characters. Unset: derived from Django's SECRET_KEY.",
        env="BETTER_AUTH_SECRET",
    )
    secrets: tuple[str, ...] = setting(
        (),
        "Encrypt what rests: ``2:new`` and ``1:old``, the one in force first; unset: SECRET does.",
        env="BETTER_AUTH_SECRETS",
    )
    app_name: str = setting("Better Auth", "Name of the application in mails.", env="BETTER_AUTH_APP_NAME")
    trusted_origins: tuple[str, ...] = setting(
        (),
        "Origins of the front ends, beside the public origin; wildcards allowed.",
        env="BETTER_AUTH_TRUSTED_ORIGINS",
    )
    trusted_proxies: tuple[str, ...] = setting(
        (),
        "Addresses or networks of proxies whose ``X-Forwarded-For`` is believed.",
        env="BETTER_AUTH_TRUSTED_PROXIES",
    )
    features: tuple[str, ...] = setting(
        ("bearer",),
        "Switches on: admin, anonymous, bearer, device_authorization, email_otp, jwt, magic_link, "
        "multi_session, one_time_token, organization, passkey, phone_number, two_factor, username.",
        env="BETTER_AUTH_FEATURES",
    )
    disabled_paths: tuple[str, ...] = setting(
        (), "Endpoints that answer 404, as paths below BASE_PATH.", env="BETTER_AUTH_DISABLED_PATHS"
    )
    error_url: str | None = setting(
        None, "Page for errors of links and redirects, instead of our own.", env="BETTER_AUTH_ERROR_URL"
    )
    front_door: bool = setting(
        True,
        "Answer the reads of every request before Django is entered, where the front door is built in.",
        env="BETTER_AUTH_FRONT_DOOR",
    )
    max_body_bytes: int = setting(
        2 * 1024 * 1024, "Longest request body.", env="BETTER_AUTH_MAX_BODY_BYTES", at_least=1024
    )
    authenticators: tuple[str, ...] = setting(
        DEFAULT_AUTHENTICATORS,
        "Callables ``(Credentials) -> Principal or None``, asked in this order.",
    )
    sign_in_gates: tuple[str, ...] = setting(
        ("better_auth.features.two_factor.gate.challenge",),
        "Callables ``(SignInAttempt) -> SignInChallenge, Cleared or None``, asked before each session.",
    )
    session_deliveries: tuple[str, ...] = setting(
        (
            "better_auth.http.cookies.deliver",
            "better_auth.http.reply.deliver_bearer_token",
            "better_auth.http.known_devices.deliver",
            "better_auth.features.jwt.delivery.deliver",
            "better_auth.features.anonymous.delivery.deliver",
            "better_auth.features.multi_session.delivery.deliver",
            "better_auth.features.one_time_token.delivery.deliver",
        ),
        "Callables ``(IssuedSession, Reply) -> None`` that hand a session to the client.",
    )
    session: SessionSettings = group(SessionSettings, "Sessions.")
    cookies: CookieSettings = group(CookieSettings, "Cookies.")
    multi_session: MultiSessionSettings = group(MultiSessionSettings, "Several sessions on one device.")
    one_time_token: OneTimeTokenSettings = group(OneTimeTokenSettings, "Sessions handed on by a token.")
    anonymous: AnonymousSettings = group(AnonymousSettings, "People without a name.")
    phone_number: PhoneNumberSettings = group(PhoneNumberSettings, "Telephone numbers.")
    device_authorization: DeviceAuthorizationSettings = group(
        DeviceAuthorizationSettings, "Devices that are approved elsewhere."
    )
    cors: CorsSettings = group(CorsSettings, "Front ends on other origins.")
    auth_proxy: AuthProxySettings = group(AuthProxySettings, "The auth proxy.")
    email_password: EmailPasswordSettings = group(EmailPasswordSettings, "E-mail and password.")
    password: PasswordSettings = group(PasswordSettings, "Passwords.")
    email_verification: EmailVerificationSettings = group(EmailVerificationSettings, "Verified addresses.")
    user: UserSettings = group(UserSettings, "Users.")
    username: UsernameSettings = group(UsernameSettings, "User names.")
    magic_link: MagicLinkSettings = group(MagicLinkSettings, "Mailed links that sign in.")
    email_otp: EmailOtpSettings = group(EmailOtpSettings, "Mailed codes.")
    admin: AdminSettings = group(AdminSettings, "The admin API.")
    two_factor: TwoFactorSettings = group(TwoFactorSettings, "Second factors.")
    account: AccountSettings = group(AccountSettings, "Linked accounts.")
    social: SocialSettings = group(SocialSettings, "Sign-in with providers.")
    rate_limit: RateLimitSettings = group(RateLimitSettings, "Limits.")
    zero_trust: ZeroTrustSettings = group(ZeroTrustSettings, "Zero trust.")
    metrics: MetricsSettings = group(MetricsSettings, "Metrics.")
    hooks: HookSettings = group(HookSettings, "The host's own code.")
    audit: AuditSettings = group(AuditSettings, "The audit log.")
    mail: MailSettings = group(MailSettings, "Mail.")
    jwt: JwtSettings = group(JwtSettings, "Signed tokens.")
    tokens: TokenSettings = group(TokenSettings, "Access and refresh tokens.")
    api_keys: ApiKeySettings = group(ApiKeySettings, "API keys, where the app ``apikeys`` is installed.")
    introspection: IntrospectionSettings = group(IntrospectionSettings, "Introspection.")
    passkey: PasskeySettings = group(PasskeySettings, "Passkeys.")
    organization: OrganizationSettings = group(OrganizationSettings, "Organizations.")
    auth_server: AuthServerSettings = group(AuthServerSettings, "The auth server, where it is another one.")
    resource_server: ResourceServerSettings = group(ResourceServerSettings, "A service that trusts that one.")
    websocket: WebSocketSettings = group(WebSocketSettings, "WebSockets.")
    migration: MigrationSettings = group(MigrationSettings, "Migration while people sign in.")
    dual_auth: DualAuthSettings = group(DualAuthSettings, "Credentials of the former system, beside ours.")
