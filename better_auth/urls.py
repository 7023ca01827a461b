"""All endpoints of the core, to be included below ``BASE_PATH``."""

from __future__ import annotations

from better_auth.features.admin.endpoints import impersonation
from better_auth.features.admin.endpoints import user_sessions as admin_sessions
from better_auth.features.admin.endpoints import users as admin_users
from better_auth.features.anonymous import endpoints as anonymous
from better_auth.features.device_authorization.endpoints import api as device_authorization
from better_auth.features.email_password import endpoints as email_password
from better_auth.features.email_verification import endpoints as email_verification
from better_auth.features.introspection import endpoints as introspection
from better_auth.features.jwt import endpoints as jwt
from better_auth.features.legacy_exchange import endpoints as legacy_exchange
from better_auth.features.multi_session import endpoints as multi_session
from better_auth.features.one_time_token import endpoints as one_time_token
from better_auth.features.passkey import endpoints as passkey
from better_auth.features.passwordless.endpoints import email_otp, magic_link
from better_auth.features.phone_number import endpoints as phone_number
from better_auth.features.profile import endpoints as profile
from better_auth.features.session_management import endpoints as session_management
from better_auth.features.social import endpoints as social
from better_auth.features.status import endpoints as status
from better_auth.features.two_factor import endpoints as two_factor
from better_auth.features.username import endpoints as username
from better_auth.http.endpoint import operations_in
from better_auth.http.views import patterns

operations = operations_in(
    admin_sessions,
    admin_users,
    anonymous,
    device_authorization,
    email_otp,
    email_password,
    email_verification,
    impersonation,
    introspection,
    jwt,
    legacy_exchange,
    magic_link,
    multi_session,
    one_time_token,
    passkey,
    phone_number,
    profile,
    session_management,
    social,
    status,
    username,
    two_factor,
)
urlpatterns = patterns(operations)
