"""Firebase's scrypt: the derived key encrypts the project's signer key, and that is the stored hash.

Forms: the export's own columns; ``$fbscrypt$`` (Supabase); ``$f_scrypt$`` (SuperTokens); ``$firescrypt$``
(Kratos); ``hash$salt$signer$separator$rounds$mem_cost`` (Clerk).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from better_auth.crypto.hash_limits import HashTooCostly, MalformedHash, read_cost
from better_auth.crypto.legacy_hashes.checks import scrypt_deriver
from better_auth.crypto.legacy_hashes.encodings import from_base64
from better_auth.crypto.legacy_hashes.framing import Check
from better_auth.crypto.legacy_hashes.parameters import Parameters
from better_auth.crypto.legacy_hashes.typed import environment_secret

_B64 = "[A-Za-z0-9+/_-]+=*"
_SUPABASE = re.compile(
    r"\$fbscrypt\$v=1,n=(?P<log2>[0-9]+),r=(?P<rounds>[0-9]+),p=(?P<parallelism>[0-9]+)"
    rf"(?:,ss=(?P<separator>{_B64}))?,sk=(?P<signer>{_B64})\$(?P<salt>{_B64})\$(?P<hash>{_B64})"
)
_KRATOS = re.compile(
    r"\$firescrypt\$ln=(?P<log2>[0-9]+),r=(?P<rounds>[0-9]+),p=(?P<parallelism>[0-9]+)"
    rf"\$(?P<salt>{_B64})\$(?P<hash>{_B64})\$(?P<separator>{_B64})\$(?P<signer>{_B64})"
)
_SUPERTOKENS = re.compile(
    rf"\$f_scrypt\$(?P<hash>{_B64})\$(?P<salt>{_B64})"
    rf"\$m=(?P<log2>[0-9]+)\$r=(?P<rounds>[0-9]+)\$s=(?P<separator>{_B64})"
)
_CLERK = re.compile(
    rf"(?P<hash>{_B64})\$(?P<salt>{_B64})\$(?P<signer>{_B64})\$(?P<separator>{_B64})"
    r"\$(?P<rounds>[0-9]+)\$(?P<log2>[0-9]+)"
)
_SIGNED_LENGTH = 64


def read(stored: str, parameters: Parameters) -> Check:
    """Reads ``salt``, ``signer_key`` or ``signer_key_env``, ``salt_separator``, ``rounds``, ``mem_cost``,
    as far as the text does not hold them itself. Source: the project's password hash parameters."""
    for form in (_SUPABASE, _KRATOS, _SUPERTOKENS, _CLERK):
        match = form.fullmatch(stored)
        if match is not None:
            return _read_form(match.groupdict(), parameters)
    return _check(
        stored,
        salt=parameters.text("salt"),
        separator=parameters.text("salt_separator", "Bw=="),
        signer=_signer(parameters),
        log2=parameters.number("mem_cost", 14),
        rounds=parameters.number("rounds", 8),
    )


def _read_form(parts: dict[str, str | None], parameters: Parameters) -> Check:
    if read_cost(parts.get("parallelism") or "1") != 1:
        raise MalformedHash("Firebase knows no parallelism")
    signer = parts.get("signer")
    return _check(
        str(parts["hash"]),
        salt=str(parts["salt"]),
        separator=parts["separator"] or "",
        signer=_constant(signer) if signer else _signer(parameters),
        log2=read_cost(str(parts["log2"])),
        rounds=read_cost(str(parts["rounds"])),
    )


def _check(
    stored: str, *, salt: str, separator: str, signer: Callable[[], bytes], log2: int, rounds: int
) -> Check:
    key = from_base64(stored)
    if len(key) != _SIGNED_LENGTH:
        raise MalformedHash("not a Firebase hash")
    if log2 > 62:  # the bound itself stands in hash_limits; this keeps the power small
        raise HashTooCostly("scrypt work factor beyond every bound")
    derive = scrypt_deriver(from_base64(salt) + from_base64(separator), 2**log2, rounds, 1, 32)

    def fits(password: str) -> bool:
        encryptor = Cipher(algorithms.AES(derive(password.encode())), modes.CTR(bytes(16))).encryptor()
        return hmac.compare_digest(encryptor.update(signer()), key)

    return Check(fits, {"work_factor": 2**log2, "block_size": rounds, "parallelism": 1})


def _signer(parameters: Parameters) -> Callable[[], bytes]:
    """The key itself, or where the environment holds it; there it is base64, too."""
    variable = parameters.variable("signer_key_env")
    if variable is None:
        return _constant(parameters.text("signer_key"))
    return lambda: from_base64(environment_secret(variable).decode())


def _constant(text: str) -> Callable[[], bytes]:
    key = from_base64(text)
    return lambda: key
