"""Settings: right ones become typed values, wrong ones one clear list."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from better_auth.conf import auth_settings
from better_auth.conf.loading import InvalidSettings, describe_type, from_environment, load, merge, walk
from better_auth.conf.schema import BetterAuthSettings


def problems_of(declared: Any) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        load(declared)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_nothing_declared_gives_the_defaults() -> None:
    assert load({}) == BetterAuthSettings()


def test_declared_values_reach_their_place() -> None:
    loaded = load(
        {
            "APP_NAME": "Shop",
            "TRUSTED_ORIGINS": ["https://shop.example"],
            "SESSION": {
                "EXPIRES_IN": 60,
                "IDLE_TIMEOUT_MINUTES": 5,
                "COOKIE_CACHE": {"ENABLED": True, "STRATEGY": "jwe"},
            },
            "COOKIES": {"SECURE": False, "DOMAIN": None},
        }
    )
    assert loaded.app_name == "Shop"
    assert loaded.trusted_origins == ("https://shop.example",)
    assert loaded.session.expires_in == 60
    assert loaded.session.idle_timeout_minutes == 5
    assert loaded.session.cookie_cache.enabled is True
    assert loaded.session.cookie_cache.strategy == "jwe"
    assert loaded.cookies.secure is False
    assert loaded.cookies.domain is None
    assert loaded.session.update_age == 86400


def test_settings_can_not_be_changed_by_accident() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load({}).app_name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        (
            {"TRUSTED_ORIGIN": []},
            "BETTER_AUTH['TRUSTED_ORIGIN']: unknown key; did you mean TRUSTED_ORIGINS?",
        ),
        ({"secret": "x"}, "BETTER_AUTH['secret']: unknown key; did you mean SECRET?"),
        ({"QQQ": 1}, "BETTER_AUTH['QQQ']: unknown key"),
        (
            {"SESSION": {"EXPIRE_IN": 1}},
            "BETTER_AUTH['SESSION']['EXPIRE_IN']: unknown key; did you mean EXPIRES_IN?",
        ),
        (
            {"SESSION": {"COOKIE_CACHE": {"MAXAGE": 1}}},
            "BETTER_AUTH['SESSION']['COOKIE_CACHE']['MAXAGE']: unknown key; did you mean MAX_AGE?",
        ),
        ({7: 1}, "BETTER_AUTH['7']: unknown key"),
    ],
)
def test_an_unknown_key_names_the_nearest_right_one(declared: Any, problem: str) -> None:
    assert problems_of(declared) == [problem]


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ({"APP_NAME": 5}, "BETTER_AUTH['APP_NAME']: expected a string, got int"),
        ({"APP_NAME": None}, "BETTER_AUTH['APP_NAME']: expected a string, got NoneType"),
        ({"MAX_BODY_BYTES": "9999"}, "BETTER_AUTH['MAX_BODY_BYTES']: expected an integer, got str"),
        ({"MAX_BODY_BYTES": True}, "BETTER_AUTH['MAX_BODY_BYTES']: expected an integer, got bool"),
        ({"MAX_BODY_BYTES": 9999.0}, "BETTER_AUTH['MAX_BODY_BYTES']: expected an integer, got float"),
        (
            {"FEATURES": "bearer"},
            "BETTER_AUTH['FEATURES']: expected a list of strings, got str",
        ),
        (
            {"FEATURES": ["bearer", 1]},
            "BETTER_AUTH['FEATURES']: expected a list of strings, got list",
        ),
        (
            {"SESSION": {"DISABLE_REFRESH": 1}},
            "BETTER_AUTH['SESSION']['DISABLE_REFRESH']: expected True or False, got int",
        ),
        (
            {"COOKIES": {"SECURE": "yes"}},
            "BETTER_AUTH['COOKIES']['SECURE']: expected True or False, got str",
        ),
        (
            {"COOKIES": {"SAME_SITE": "lax"}},
            "BETTER_AUTH['COOKIES']['SAME_SITE']: expected 'Lax' or 'Strict' or 'None', got 'lax'",
        ),
        (
            {"COOKIES": {"SAME_SITE": ["Lax"]}},
            "BETTER_AUTH['COOKIES']['SAME_SITE']: expected 'Lax' or 'Strict' or 'None', got list",
        ),
        ({"SESSION": 5}, "BETTER_AUTH['SESSION']: expected a dictionary, got int"),
        ({"SESSION": None}, "BETTER_AUTH['SESSION']: expected a dictionary, got NoneType"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_what_was_expected(declared: Any, problem: str) -> None:
    assert problems_of(declared) == [problem]


def test_settings_that_are_no_dictionary_are_refused() -> None:
    assert problems_of([]) == ["BETTER_AUTH: expected a dictionary, got list"]


@pytest.mark.parametrize("one", [one for one in walk() if one.at_least is not None], ids=lambda one: one.key)
def test_each_bound_holds(one: Any) -> None:
    def declare(value: int) -> dict[str, Any]:
        declared: Any = value
        for part in reversed(one.path):
            declared = {part: declared}
        return dict(declared)

    name = "BETTER_AUTH" + "".join(f"['{part}']" for part in one.path)
    too_small = one.at_least - 1
    assert problems_of(declare(too_small)) == [f"{name}: must be at least {one.at_least}, got {too_small}"]
    value: Any = load(declare(one.at_least))
    for part in one.path:
        value = getattr(value, part.lower())
    assert value == one.at_least


def test_every_mistake_is_told_at_once() -> None:
    declared = {
        "APP_NAMES": "x",
        "MAX_BODY_BYTES": 1,
        "SESSION": {"EXPIRES_IN": "week", "COOKIE_CACHE": {"STRATEGY": "plain"}},
        "COOKIES": "none",
    }
    assert problems_of(declared) == [
        "BETTER_AUTH['APP_NAMES']: unknown key; did you mean APP_NAME?",
        "BETTER_AUTH['MAX_BODY_BYTES']: must be at least 1024, got 1",
        "BETTER_AUTH['SESSION']['EXPIRES_IN']: expected an integer, got str",
        "BETTER_AUTH['SESSION']['COOKIE_CACHE']['STRATEGY']: "
        "expected 'compact' or 'jwt' or 'jwe', got 'plain'",
        "BETTER_AUTH['COOKIES']: expected a dictionary, got str",
    ]


@pytest.mark.parametrize("secret", [b"bytes-of-the-secret", ["s3cr3t-in-a-list"], {"s3cr3t": "in a dict"}])
def test_a_secret_of_the_wrong_type_is_not_shown(secret: Any) -> None:
    assert problems_of({"SECRET": secret}) == [
        f"BETTER_AUTH['SECRET']: expected a string, got {type(secret).__name__}"
    ]


class TestEnvironment:
    """``from_environment``: text becomes the same values that a dictionary would give."""

    @pytest.mark.parametrize("word", ["1", "true", "YES", "On", " true "])
    def test_words_for_yes(self, word: str) -> None:
        assert from_environment({"BETTER_AUTH_AUTO_SIGN_IN": word}) == {
            "EMAIL_PASSWORD": {"AUTO_SIGN_IN": True}
        }

    @pytest.mark.parametrize("word", ["0", "false", "No", "OFF"])
    def test_words_for_no(self, word: str) -> None:
        assert from_environment({"BETTER_AUTH_AUTO_SIGN_IN": word}) == {
            "EMAIL_PASSWORD": {"AUTO_SIGN_IN": False}
        }

    @pytest.mark.parametrize(
        ("name", "text", "declared"),
        [
            ("SESSION_TIMEOUT_MINUTES", "30", {"SESSION": {"IDLE_TIMEOUT_MINUTES": 30}}),
            ("BETTER_AUTH_COOKIE_SECURE", "false", {"COOKIES": {"SECURE": False}}),
            ("BETTER_AUTH_COOKIE_SAME_SITE", "None", {"COOKIES": {"SAME_SITE": "None"}}),
            ("BETTER_AUTH_COOKIE_CACHE_MAX_AGE", "60", {"SESSION": {"COOKIE_CACHE": {"MAX_AGE": 60}}}),
            (
                "BETTER_AUTH_TRUSTED_ORIGINS",
                "https://a.example, https://b.example,",
                {"TRUSTED_ORIGINS": ("https://a.example", "https://b.example")},
            ),
            ("BETTER_AUTH_SECRET", "0" * 32, {"SECRET": "0" * 32}),
        ],
    )
    def test_text_is_read_as_the_type_of_the_setting(self, name: str, text: str, declared: Any) -> None:
        assert from_environment({name: text}) == declared

    def test_an_empty_variable_counts_as_unset(self) -> None:
        assert from_environment({"BETTER_AUTH_AUTO_SIGN_IN": "", "SESSION_TIMEOUT_MINUTES": ""}) == {}

    def test_foreign_variables_are_left_alone(self) -> None:
        assert from_environment({"HOME": "/root", "BETTER_AUTH_ENV": "production"}) == {}

    def test_every_unreadable_variable_is_named_at_once(self) -> None:
        with pytest.raises(InvalidSettings) as caught:
            from_environment(
                {
                    "BETTER_AUTH_SESSION_EXPIRES_IN": "a week",
                    "BETTER_AUTH_COOKIE_SECURE": "maybe",
                    "BETTER_AUTH_COOKIE_SAME_SITE": "Never",
                    "BETTER_AUTH_MAIL_MAX_QUEUED": "7" * 90 + "x",
                }
            )
        assert caught.value.problems == [
            "BETTER_AUTH_SESSION_EXPIRES_IN: expected an integer, got 'a week'",
            "BETTER_AUTH_COOKIE_SECURE: expected True or False or None, got 'maybe'",
            "BETTER_AUTH_COOKIE_SAME_SITE: expected 'Lax' or 'Strict' or 'None', got 'Never'",
            f"BETTER_AUTH_MAIL_MAX_QUEUED: expected an integer, got '{'7' * 60}'",
        ]

    @pytest.mark.parametrize("one", [one for one in walk() if one.env], ids=lambda one: one.env)
    def test_each_variable_reaches_its_setting(self, one: Any) -> None:
        text = {"an integer": "4711", "True or False": "true", "a list of strings": "x,y"}
        kind = describe_type(one.annotation).removesuffix(" or None")
        given = text.get(kind) or (kind.split("'")[-2] if kind.startswith("'") else "some text")
        loaded: Any = load(from_environment({one.env: given}))
        for part in one.path:
            loaded = getattr(loaded, part.lower())
        assert loaded == {"4711": 4711, "true": True, "x,y": ("x", "y")}.get(given, given)

    def test_no_two_settings_share_a_variable(self) -> None:
        names = [one.env for one in walk() if one.env]
        assert sorted(set(names)) == sorted(names)

    def test_variables_begin_with_the_name_of_the_product(self) -> None:
        strangers = [one.env for one in walk() if one.env and not one.env.startswith("BETTER_AUTH_")]
        flags_of_both_systems = ["ENABLE_DUAL_AUTH", "PREFER_BETTER_AUTH"]
        assert strangers == ["SESSION_TIMEOUT_MINUTES", "AUTH_SERVER_URL", *flags_of_both_systems]


def test_the_later_part_wins_and_the_rest_stays() -> None:
    first = {"A": 1, "SESSION": {"EXPIRES_IN": 1, "UPDATE_AGE": 2}, "LIST": [1]}
    second = {"SESSION": {"UPDATE_AGE": 3}, "LIST": [2], "B": 4}
    assert merge(first, second) == {
        "A": 1,
        "SESSION": {"EXPIRES_IN": 1, "UPDATE_AGE": 3},
        "LIST": [2],
        "B": 4,
    }
    assert first["SESSION"] == {"EXPIRES_IN": 1, "UPDATE_AGE": 2}


def test_every_default_is_a_value_that_may_be_declared() -> None:
    for one in walk():
        declared: Any = one.default
        for part in reversed(one.path):
            declared = {part: declared}
        assert load(declared) == BetterAuthSettings(), one.key


def test_every_setting_is_explained() -> None:
    assert [one.key for one in walk() if not one.doc.endswith(".")] == []


class TestSettingsInForce:
    def test_an_override_is_seen_at_once_and_gone_afterwards(self) -> None:
        before = auth_settings.app_name
        with override_settings(BETTER_AUTH={"APP_NAME": "Overridden"}):
            assert auth_settings.app_name == "Overridden"
        assert auth_settings.app_name == before != "Overridden"

    def test_an_override_of_something_else_keeps_what_is_loaded(self) -> None:
        with override_settings(LANGUAGE_CODE="de"):
            assert auth_settings.session is auth_settings.session

    def test_a_wrong_override_is_refused_where_it_is_read(self) -> None:
        wrong = override_settings(BETTER_AUTH={"APP_NAMES": "x"})
        with wrong, pytest.raises(ImproperlyConfigured) as caught:
            _ = auth_settings.app_name
        assert str(caught.value) == (
            "settings.BETTER_AUTH can't be used:\n"
            "BETTER_AUTH['APP_NAMES']: unknown key; did you mean APP_NAME?"
        )

    def test_a_setting_that_does_not_exist_is_no_setting(self) -> None:
        with pytest.raises(AttributeError):
            _ = auth_settings.colour  # type: ignore[attr-defined]
