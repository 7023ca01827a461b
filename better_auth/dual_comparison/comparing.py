"""What each system says of the same credentials, and whether it is the same. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from better_auth.authentication import beside
from better_auth.authentication.credentials import Credentials, InvalidCredentials
from better_auth.authentication.pipeline import ask_ours
from better_auth.authentication.principal import Principal
from better_auth.legacy_credentials.old_claims import claims_of
from better_auth.legacy_credentials.proving import Proof, prove
from better_auth.legacy_credentials.refusals import Refused
from better_auth.legacy_credentials.shown import Shown
from better_auth.models.dual_difference import AGREE

USER, CLAIMS = "user", "claims"
FORMER_ALONE, ONLY_FORMER, ONLY_OURS = "former_alone", "only_former_accepts", "only_ours_accepts"
ACCEPTED, UNAUTHORIZED = 200, 401


@dataclass(frozen=True, slots=True)
class Finding:
    """``reason``: ``agree``, or how they differ; ``detail``: codes and names of claims, and no value of any.
    ``our_user`` and ``former_user`` are ids of users here."""

    reason: str
    detail: str = ""
    our_status: int = UNAUTHORIZED
    former_status: int = UNAUTHORIZED
    our_user: str = ""
    former_user: str = ""


@dataclass(frozen=True, slots=True)
class _Ours:
    principal: Principal | None
    is_shown: bool


def compare(credentials: Credentials) -> Finding | None:
    """None where nothing of the former system is shown: there is nothing to be held beside. Nor with an API
    key, whose every check counts as a use."""
    shown = None if credentials.api_key else beside.find_shown(credentials)
    if shown is None:
        return None
    proof, status, code = _ask_former(shown)
    if proof is None and code == "":
        return None
    ours = _ask_ours(credentials, shown)
    found = Finding(
        AGREE,
        our_status=ACCEPTED if ours.principal else UNAUTHORIZED,
        former_status=status,
        our_user=ours.principal.user.id if ours.principal else "",
        former_user=proof.user.id if proof else "",
    )
    return _judge(found, ours, proof, code)


def _judge(found: Finding, ours: _Ours, proof: Proof | None, code: str) -> Finding:
    if ours.principal is None and proof is None:
        return found
    if proof is None:
        return replace(found, reason=ONLY_OURS, detail=code)
    if ours.principal is None:
        return replace(found, reason=ONLY_FORMER if ours.is_shown else FORMER_ALONE, detail=proof.scheme)
    if found.our_user != found.former_user:
        return replace(found, reason=USER, detail=proof.scheme)
    differing = ",".join(_differing_claims(proof))
    return replace(found, reason=CLAIMS, detail=differing[:128]) if differing else found


def _ask_ours(credentials: Credentials, shown: Shown) -> _Ours:
    others = replace(credentials, bearer=None) if shown.place == "bearer" else credentials
    try:
        principal = ask_ours(replace(others, renew=False, read_only=True))
    except InvalidCredentials:
        return _Ours(None, is_shown=True)
    return _Ours(principal, is_shown=principal is not None)


def _ask_former(shown: Shown) -> tuple[Proof | None, int, str]:
    """What it proves, the status that would be answered, and the code of a refusal."""
    try:
        proof = prove(shown)
    except Refused as refusal:
        return None, refusal.status, refusal.code.name.lower()
    return proof, ACCEPTED if proof else UNAUTHORIZED, ""


def _differing_claims(proof: Proof) -> Iterator[str]:
    """Names of those that code which is not yet ported would read otherwise here. Case is no difference:
    addresses are kept in lower case."""
    if proof.claims is None:
        return
    for name, ours in sorted(claims_of(proof.user, replace(proof, claims=None)).items()):
        if name in proof.claims and _text(proof.claims[name]) != _text(ours):
            yield name


def _text(value: object) -> str:
    return "" if value is None else str(value).strip().lower()
