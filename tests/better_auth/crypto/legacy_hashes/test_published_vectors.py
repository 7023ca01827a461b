"""Vectors that others published: none of them was computed for this project, or by it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.hashers import check_password

from better_auth.crypto.legacy_hashes import MalformedHash, from_legacy

GITEA_SALT = {"salt": "01020304"}
PUBLISHED: list[tuple[str, str, dict[str, Any], str]] = [
    # Ory Kratos, hash/hasher_test.go
    ("kratos", "$2a$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6", {}, "test"),
    ("kratos", "$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw", {}, "test"),
    (
        "kratos",
        "$argon2i$v=19$m=65536,t=3,p=4$kk51rW/vxIVCYn+EG4kTSg$NyT88uraJ6im6dyha/M5jhXvpqlEdlS/9fEm7ScMb8c",
        {},
        "test",
    ),
    (
        "kratos",
        "$pbkdf2-sha256$i=100000,l=32$1jP+5Zxpxgtee/iPxGgOz0RfE9/KJuDElP1ley4VxXc"
        "$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI",
        {},
        "test",
    ),
    ("kratos", "{SSHA}JFZFs0oHzxbMwkSJmYVeI8MnTDy/276a", {}, "test123"),
    ("ldap", "{SSHA256}czO44OTV17PcF1cRxWrLZLy9xHd7CWyVYplr1rOhuMlx/7IK", {}, "test123"),
    (
        "ldap",
        "{SSHA512}xPUl/px+1cG55rUH4rzcwxdOIPSB2TingLpiJJumN2xyDWN4Ix1WQG3ihnvHaWUE8MYNkvMi5rf0C9NYixHsE6Yh59M=",
        {},
        "test123",
    ),
    ("kratos", "$sha1$pf=e1NBTFR9e1BBU1NXT1JEfQ==$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ=", {}, "test"),
    (
        "kratos",
        "$sha1$pf=Pz9zdGF0aWNQcmVmaXg/P3tTQUxUfXtQQVNTV09SRH0=$NW9wbWtnejAzcg==$SAAxMUn7jxckQXkBmsVF0nHwqso=",
        {},
        "test",
    ),
    (
        "kratos",
        "$sha256$pf=e1NBTFR9JCR7UEFTU1dPUkR9$NW9wbWtnejAzcg==$HokCOi9OtiZaZRvnkgemV3B4UUHpI7kA8zq/EZWH2NY=",
        {},
        "test",
    ),
    (
        "kratos",
        "$sha512$pf=e1NBTFR9e1BBU1NXT1JEfQ==$NW9wbWtnejAzcg=="
        "$6ctpVuApMNp0CgBXcdHw/GC562eFEFGr4gpgANX8ZYsX+j5B19IkdmOY2Fytsz3QUwSWdGcUjbqwgJGTH0UYvw==",
        {},
        "test",
    ),
    ("kratos", "$md5$CY9rzUYh03PK3k6DJie09g==", {}, "test"),
    ("kratos", "$md5$pf=e1BBU1NXT1JEfXtTQUxUfSQ/$MTIzNDU2Nzg5$8PhwWanVRnpJAFK4NUjR0w==", {}, "ory"),
    ("kratos", "$md5-crypt$$whuMjZj.HMFoaTaZRRtkO0", {}, "test"),
    ("kratos", "$md5-crypt$xWMlm2eL$GGTOpgZu4p2k6ORprAu3b.", {}, "ory"),
    ("kratos", "$hmac-md5$ZmU4Njk3Zjc0MmQwODA0MDVkMTI3MGU2MTYzMzE2Zjk=$MTIzNDU=", {}, "test"),
    (
        "kratos",
        "$hmac-sha1$NDMyNjcxZTUyY2Y2YTBmYjZjZDE2NjQxYjAwNjFiZjAwOGEzNWM5MA==$MTIzNDU=",
        {},
        "test",
    ),
    # dotnet/aspnetcore, PasswordHasherTest.cs
    ("aspnet-identity", "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw", {}, "my password"),
    ("aspnet-identity", "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M", {}, "my password"),
    (
        "aspnet-identity",
        "AQAAAAEAA9CQAAAAIESkQuj2Du8Y+kbc5lcN/W/3NiAZFEm11P27nrSN5/tId+bR1SwV8CO1Jd72r4C08OLvplNlCDc3oQZ8efcW+jQ=",
        {},
        "my password",
    ),
    # Gitea, modules/auth/password/hash/hash_test.go
    (
        "gitea",
        "$2a$10$qhgm32w9ZpqLygugWJsLjey8xRGcaq9iXAfmCeNBXxddgyoaOC3Gq",
        {"algorithm": "bcrypt$10", **GITEA_SALT},
        "abcdef",
    ),
    (
        "gitea",
        "84e233114499e8721da80e85568e5b7b5900b3e49a30845fcda9d1e1756da4547d70f8740ac2b4a5d82f88cebcd27f21bfe2",
        {"algorithm": "pbkdf2$320000$50", **GITEA_SALT},
        "abcdef",
    ),
    (
        "gitea",
        "551f089f570f989975b6f7c6a8ff3cf89bc486dd7bbe87ed4d80ad4362f8ee599ec8dda78dac196301b98456402bcda775dc",
        {"algorithm": "argon2", "salt": "aaaaaaaaaa"},
        "abcdef",
    ),
    # MediaWiki, tests/phpunit/unit/includes/password
    ("mediawiki", ":A:salt:9842afc7cb949c440c51347ed809362f", {}, "password"),
    ("mediawiki", ":pbkdf2:sha1:1:20:c2FsdA==:DGDID5YfDnHzqbUkr2ASBi/gN6Y=", {}, "password"),
    ("mediawiki", ":bcrypt:5$XXXXXXXXXXXXXXXXXXXXXO$AcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", {}, "U*U*U"),
    (
        "mediawiki",
        ":bcrypt:5$abcdefghijklmnopqrstuu$5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
        {},
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
    ),
    # RFC 6070, and the same for SHA-256
    (
        "pbkdf2",
        "4b007901b765489abead49d926f721d065a429c1",
        {"digest": "sha1", "iterations": 4096, "salt": "salt"},
        "password",
    ),
    (
        "pbkdf2",
        "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43",
        {"digest": "SHA-256", "iterations": "2", "salt": "c2FsdA==", "salt_encoding": "base64"},
        "password",
    ),
    (
        "phc",
        "$pbkdf2-sha256$i=4096,l=40$c2FsdFNBTFRzYWx0U0FMVHNhbHRTQUxUc2FsdFNBTFRzYWx0"
        "$NIyJ28vTKy8y2BS4EW6EzysXNH68GAAYHE4qH7jdU+HGNVGMfaxH6Q",
        {},
        "passwordPASSWORDpassword",
    ),
    # passlib, tests/test_handlers*.py (some of them by way of John the Ripper)
    (
        "passlib",
        "$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow"
        "$eNLfBK.eVozomMr.1gYa17k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY/YTNJOiKc5gBYFYGww",
        {},
        "password",
    ),
    (
        "crypt",
        "$6$rounds=11531$G/gkPn17kHYo0gTF$Kq.uZBHlSBXyzsOJXtxJruOOH4yc0Is13uY7yK0PvAvXxbvc1w8DO1RzREMhKsc82K"
        "/Jh8OquV8FZUlreYPJk1",
        {},
        "test",
    ),
    (
        "crypt",
        "$6$rounds=40000$PEZTJDiyzV28M3.m$GTlnzfzGB44DGd1XqlmC4erAJKCP.rhvLvrYxiT38htrNzVGBnplFOHjejUGVrCfusGWxLQ"
        "Cc3pFO0A/1jYYr0",
        {},
        "t\u00e1\u0411\u2113\u0259",
    ),
    (
        "crypt",
        "$5$rounds=10350$o.pwkySLCzwTdmQX$nCMVsnF3TXWcBPOympBUUSQi6LGGloZoOsVJMGJ09UB",
        {},
        "Compl3X AlphaNu3meric",
    ),
    (
        "crypt",
        "$5$rounds=1000$IbG0EuGQXw5EkMdP$LQ5AfPf13KufFsKtmazqnzSGZ4pxtUNw3woQ.ELRDF4",
        {},
        "with unic\u00d6de",
    ),
    # AuthMe, Pbkdf2DjangoTest.java
    (
        "django",
        "pbkdf2_sha256$15000$1170bc7a31f5$Ex/2aQsXm4kogLIYARpUPn04ccK5LYYjyVPpl32ALjE=",
        {},
        "&^%te$t?Pw@_",
    ),
    # Drupal hashes in the tests of hashers for Django and .NET
    ("drupal", "$S$5FIcboyzv1ZD/OZDb4w/4HSlnsPlwbr/PWLWrHPWrJp8eXOQQaWJ", {}, "DifficultPassword123"),
    ("drupal", "$S$DI3icqig3jyMv7n./ZLdJaV9H0s90uyRiJjeSnFPK32zo4Q.jj.8", {}, "password"),
]


@pytest.mark.parametrize(("scheme", "stored", "params", "password"), PUBLISHED)
def test_a_published_vector_verifies(scheme: str, stored: str, params: dict[str, Any], password: str) -> None:
    encoded = from_legacy(scheme, stored, params)
    assert check_password(password, encoded)
    assert not check_password("x" + password, encoded)


@pytest.mark.parametrize(
    ("scheme", "stored"),
    [
        ("aspnet-identity", "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggE="),
        (
            "aspnet-identity",
            "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJgAAAAAAAAAAAAA=",
        ),
        ("kratos", "$sha1$pf=$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ="),
        ("kratos", "$sha1$pf=e1NBTFR9e1BBU1NXT1JEfQ==$5opmkgz03r$2qU2SGWP8viTM1md3FiI3+rjWXQ="),
        ("kratos", "$md5$$"),
        ("kratos", "$hmac-md5$ZmU4Njk3Zjc0MmQwODA0MDVkMTI3MGU2MTYzMzE2Zjk="),
        ("kratos", "$hmac-md5$$MTIzNDU="),
        ("kratos", "$md5-crypt$whuMjZj.HMFoaTaZRRtkO0"),
        ("kratos", "$sha512-crypt$$"),
        (
            "kratos",
            "$scrypt$ln=16385,r=8,p=1$2npRo7P03Mt8keSoMbyD/tKFWyUzjiQf2svUaNDSrhA=$MiCzNcIplSMqSBrm4HckjYqYhaVPPjTARTzwB1cVNYE=",
        ),
        ("kratos", "{SSHA}tooshort"),
    ],
)
def test_what_its_vendor_refuses_is_malformed(scheme: str, stored: str) -> None:
    with pytest.raises(MalformedHash) as refusal:
        from_legacy(scheme, stored, {})
    assert refusal.value.reason == "malformed-hash"
