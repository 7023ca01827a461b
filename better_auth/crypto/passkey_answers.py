"""What an authenticator answers, checked: pure, and deaf to everything but what is right.

The ceremonies of WebAuthn level 2, sections 7.1 and 7.2, by the library ``webauthn``. What devices send is
read by several parsers, each with failures of its own; whatever they raise is one refusal here.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import bytes_to_base64url, decode_credential_public_key
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.decoded_public_key_to_cryptography import decoded_public_key_to_cryptography
from webauthn.helpers.structs import CredentialDeviceType

# EdDSA, ES256 and RS256, in the order in which they are asked for.
ALGORITHMS = (
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)
LONGEST_CREDENTIAL_ID = 1023
LARGEST_KEY = 4096
# Of one member of an answer, in base64url; an attestation with its certificates has a tenth of it.
LONGEST_MEMBER = 65_536
DEVICE_TYPES = {
    CredentialDeviceType.SINGLE_DEVICE: "singleDevice",
    CredentialDeviceType.MULTI_DEVICE: "multiDevice",
}
TRANSPORT = re.compile(r"[a-z][a-z0-9-]{0,19}")
MOST_TRANSPORTS = 8


class BadAnswer(Exception):
    """It is malformed, or was made for another challenge, site or ceremony."""


class BadSignature(BadAnswer):
    """All of it fits, but the key has not signed it."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """``origins``: one of these the page must have been of; ``user_verification``: whether the device must
    have asked who is there."""

    challenge: bytes
    rp_id: str
    origins: Sequence[str]
    user_verification: bool


@dataclass(frozen=True, slots=True)
class NewCredential:
    """``credential_id`` in base64url, ``public_key`` in standard base64."""

    credential_id: str
    public_key: str
    counter: int
    device_type: str
    backed_up: bool
    aaguid: str
    transports: str
    user_verified: bool


@dataclass(frozen=True, slots=True)
class Assertion:
    counter: int
    backed_up: bool
    user_verified: bool


def read_registration(answer: Any, expected: Expectation) -> NewCredential:
    """The credential of an answer to creation options. Raises ``BadAnswer``."""
    _ensure_size(answer)
    try:
        found = verify_registration_response(
            credential=answer,
            expected_challenge=expected.challenge,
            expected_rp_id=expected.rp_id,
            expected_origin=list(expected.origins),
            require_user_verification=expected.user_verification,
            supported_pub_key_algs=list(ALGORITHMS),
        )
        # Without an attestation nothing has been signed yet: a key that can't verify would be kept.
        ensure_public_key(found.credential_public_key)
    except Exception as fault:  # the parsers of CBOR, COSE and certificates fail in ways of their own
        raise BadAnswer(str(fault)) from fault
    if not 0 < len(found.credential_id) <= LONGEST_CREDENTIAL_ID:
        raise BadAnswer("the credential's id is too long")
    return NewCredential(
        credential_id=bytes_to_base64url(found.credential_id),
        public_key=b64encode(found.credential_public_key).decode(),
        counter=found.sign_count,
        device_type=DEVICE_TYPES[found.credential_device_type],
        backed_up=found.credential_backed_up,
        aaguid=found.aaguid,
        transports=transports_of(answer["response"].get("transports")),
        user_verified=found.user_verified,
    )


def read_assertion(answer: Any, expected: Expectation, *, public_key: str) -> Assertion:
    """What an answer to request options proves, by the key that is kept (standard base64).

    The counter is the caller's to compare: only a right signature makes it a sign of anything. Raises
    ``BadSignature``, ``BadAnswer``.
    """
    _ensure_size(answer)
    try:
        found = verify_authentication_response(
            credential=answer,
            expected_challenge=expected.challenge,
            expected_rp_id=expected.rp_id,
            expected_origin=list(expected.origins),
            credential_public_key=b64decode(public_key),
            credential_current_sign_count=0,
            require_user_verification=expected.user_verification,
        )
    except Exception as fault:  # as above
        if isinstance(fault.__context__, InvalidSignature):
            raise BadSignature("the signature does not hold") from fault
        raise BadAnswer(str(fault)) from fault
    return Assertion(found.new_sign_count, found.credential_backed_up, found.user_verified)


def ensure_public_key(cose: bytes) -> None:
    """A COSE key of a kind that we ask for, and that can verify. Raises ``BadAnswer`` or whatever the parsers
    of its parts raise."""
    if not 0 < len(cose) <= LARGEST_KEY:
        raise BadAnswer("the public key is too large")
    key = decode_credential_public_key(cose)
    if key.alg not in ALGORITHMS:
        raise BadAnswer("the public key is of a kind that was not asked for")
    decoded_public_key_to_cryptography(key)


def _ensure_size(answer: Any) -> None:
    members = answer.get("response") if isinstance(answer, Mapping) else None
    if not isinstance(members, Mapping):
        raise BadAnswer("the answer is no credential")
    for one in (*answer.values(), *members.values()):
        if isinstance(one, str) and len(one) > LONGEST_MEMBER:
            raise BadAnswer("the answer is too large")


def transports_of(told: Any) -> str:
    """Hints for browsers, joined; whatever is none is passed over."""
    listed = told if isinstance(told, list) else []
    known = [one for one in listed if isinstance(one, str) and TRANSPORT.fullmatch(one)]
    return ",".join(dict.fromkeys(known[:MOST_TRANSPORTS]))
