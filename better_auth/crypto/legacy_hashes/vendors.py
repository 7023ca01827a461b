"""What a vendor stores beside a hash, in the parameters of the family that reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from better_auth.crypto.hash_limits import MalformedHash, UnknownAlgorithm, read_cost
from better_auth.crypto.legacy_hashes.parameters import Parameters

Values = dict[str, Any]
Translator = Callable[[Parameters], Values]

_KEYCLOAK_DIGESTS = {
    "pbkdf2": "sha1",
    "pbkdf2-sha1": "sha1",
    "pbkdf2-sha256": "sha256",
    "pbkdf2-sha512": "sha512",
}
_FUSIONAUTH_DIGESTS = {
    "salted-pbkdf2-hmac-sha256": "sha256",
    "salted-pbkdf2-hmac-sha256-512": "sha256",
    "salted-pbkdf2-hmac-sha512-512": "sha512",
}
_DISCOURSE = re.compile(r"\$pbkdf2-(?P<digest>sha256|sha512)\$i=(?P<iterations>[0-9]+),l=[0-9]+\$")


def translated(translate: Translator, params: Mapping[str, Any]) -> Values:
    """The family's parameters. Raises ``MalformedHash`` for one that the vendor does not have."""
    parameters = Parameters(params)
    values = translate(parameters)
    if parameters.flag("allow_empty"):
        values["allow_empty"] = True
    parameters.ensure_all_read()
    return values


def by_algorithm(table: Mapping[str, Callable[[str, Any], str]]) -> Callable[[str, Mapping[str, Any]], str]:
    """Whichever family ``algorithm`` begins with."""

    def encode(stored: str, params: Mapping[str, Any]) -> str:
        algorithm = str(params.get("algorithm") or "")
        return next(one for prefix, one in table.items() if algorithm.startswith(prefix))(stored, params)

    return encode


def keycloak_pbkdf2(given: Parameters) -> Values:
    """``algorithm`` and ``iterations`` of ``credentialData``, ``salt`` of ``secretData``."""
    digest = _KEYCLOAK_DIGESTS.get(given.text("algorithm"))
    if digest is None:
        raise UnknownAlgorithm("an algorithm of Keycloak's that is not known here")
    return {
        "digest": digest,
        "iterations": given.number("iterations"),
        "salt": given.text("salt"),
        "salt_encoding": "base64",
        "encoding": "base64",
    }


def keycloak_argon2(given: Parameters) -> Values:
    """The same, and ``memory``, ``parallelism``, ``type``, ``version``."""
    given.text("algorithm")
    version = given.choice("version", ("1.0", "1.3"), "1.3")
    return {
        "passes": given.number("iterations"),
        "memory": given.number("memory"),
        "parallelism": given.number("parallelism", 1),
        "type": given.choice("type", ("id", "i"), "id"),
        "version": 19 if version == "1.3" else 16,
        "salt": given.text("salt"),
        "salt_encoding": "base64",
        "encoding": "base64",
    }


def symfony(given: Parameters) -> Values:
    """The message digest encoder: SHA-512, 5000 rounds, base64, ``password{salt}``."""
    values: Values = {
        "digest": given.text("digest", "sha512"),
        "rounds": given.number("rounds", 5000),
        "encoding": given.choice("encoding", ("base64", "hex"), "base64"),
        "loop": "salted",
    }
    if given.has("salt"):
        values |= {"salt": given.text("salt"), "position": "{PASSWORD}{{SALT}}"}
    return values


def discourse(given: Parameters) -> Values:
    """``salt`` is the hex text itself; ``algorithm`` as in ``user_passwords``, or 64 000 rounds as of old."""
    values = {
        "salt": given.text("salt"),
        "digest": "sha256",
        "iterations": given.number("iterations", 64_000),
    }
    if given.has("algorithm"):
        match = _DISCOURSE.fullmatch(given.text("algorithm"))
        if match is None:
            raise UnknownAlgorithm("an algorithm of Discourse's that is not known here")
        values |= {"digest": match["digest"], "iterations": read_cost(match["iterations"])}
    return values


def stytch(given: Parameters) -> Values:
    """``salt`` is the base64url text itself."""
    return {
        "salt": given.text("salt"),
        "work_factor": given.number("work_factor", 2**15),
        "block_size": given.number("block_size", 8),
        "parallelism": given.number("parallelism", 1),
        "encoding": "base64url",
    }


def fusionauth_bcrypt(given: Parameters) -> Values:
    """The prefix is lost; ``factor`` and ``salt`` are its rest."""
    given.text("algorithm")
    return {"bcrypt_salt": given.text("salt"), "cost": given.number("factor")}


def fusionauth_pbkdf2(given: Parameters) -> Values:
    """``algorithm`` is the ``encryptionScheme``."""
    digest = _FUSIONAUTH_DIGESTS.get(given.text("algorithm"))
    if digest is None:
        raise UnknownAlgorithm("a scheme of FusionAuth's that is not known here")
    return {
        "digest": digest,
        "iterations": given.number("factor"),
        "salt": given.text("salt"),
        "salt_encoding": "base64",
        "encoding": "base64",
    }


def gitea_argon2(given: Parameters) -> Values:
    passes, memory, parallelism, _ = _gitea_costs(given, "2$65536$8$50")
    return {"passes": passes, "memory": memory, "parallelism": parallelism, **_gitea_salt(given)}


def gitea_scrypt(given: Parameters) -> Values:
    work_factor, block_size, parallelism, _ = _gitea_costs(given, "65536$16$2$50")
    return {
        "work_factor": work_factor,
        "block_size": block_size,
        "parallelism": parallelism,
        **_gitea_salt(given),
    }


def gitea_pbkdf2(given: Parameters) -> Values:
    if given.text("algorithm", "pbkdf2").partition("$")[0] != "pbkdf2":
        raise UnknownAlgorithm("an algorithm of Gitea's that is not known here")
    iterations, _ = _gitea_costs(given, "10000$50")
    return {"digest": "sha256", "iterations": iterations, **_gitea_salt(given)}


def gitea_bcrypt(given: Parameters) -> Values:
    """The salt's column counts for nothing."""
    given.text("algorithm")
    given.text("salt", "-")
    return {}


def _gitea_costs(given: Parameters, default: str) -> list[int]:
    """Of ``passwd_hash_algo``; a bare name means the costs of old, whatever Gitea's default is today."""
    stated = given.text("algorithm", "pbkdf2").partition("$")[2] or default
    costs = [read_cost(part) for part in stated.split("$")]
    if len(costs) != len(default.split("$")):
        raise MalformedHash("other costs than this algorithm has")
    return costs


def _gitea_salt(given: Parameters) -> Values:
    """Ten characters are the salt itself, all else is hex. Source: Gitea, ``modules/auth/password/hash``."""
    salt = given.text("salt")
    return {"salt": salt, "salt_encoding": "utf8" if len(salt) == 10 else "hex"}
