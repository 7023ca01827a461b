"""What rests encrypted: keys with versions, old ones that still open, and the way over to a new one."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from better_auth import reencryption, sealing, signing_keys
from better_auth.management.commands import reencrypt_secrets
from better_auth.models import SigningKey
from better_auth.sealing import Undecryptable, open_sealed, reseal, seal
from better_auth.storage.records import UserRecord
from migration_tools import sealing as kept
from migration_tools.models import KeptFactors

Configure = Callable[..., None]
OLD = "an-older-secret-0123456789-abcdefghijkl"
NEW = "the-newer-secret-0123456789-abcdefghijk"


def run(**options: Any) -> list[str]:
    out = StringIO()
    call_command("reencrypt_secrets", stdout=out, **options)
    return out.getvalue().splitlines()


class TestKeys:
    def test_the_secret_alone_seals_bare_text(self) -> None:
        assert "$" not in seal("x")
        assert open_sealed(seal("x")) == "x"

    def test_the_first_of_several_seals_and_all_open(self, configure: Configure) -> None:
        bare = seal("x")
        configure(SECRETS=[f"1:{OLD}"])
        first = seal("x")
        configure(SECRETS=[f"2:{NEW}", f"1:{OLD}"])
        assert first.startswith("$ba$1$")
        assert seal("x").startswith("$ba$2$")
        assert [open_sealed(one) for one in (bare, first, seal("x"))] == ["x"] * 3
        assert [reseal(one) is None for one in (bare, first, seal("x"))] == [False, False, True]

    def test_bare_text_of_a_former_secret_opens_with_it_under_any_version(self, configure: Configure) -> None:
        configure(SECRET=OLD)
        bare = seal("x")
        configure(SECRET=NEW)
        with pytest.raises(Undecryptable):
            open_sealed(bare)
        configure(SECRETS=[f"2:{NEW}", f"1:{OLD}"])
        assert open_sealed(bare) == "x"

    def test_an_unknown_version_opens_with_no_other_key(self, configure: Configure) -> None:
        configure(SECRETS=[f"2:{NEW}"])
        sealed = seal("x")
        configure(SECRETS=[f"3:{NEW}"])
        with pytest.raises(Undecryptable, match="version 2"):
            open_sealed(sealed)

    def test_no_secret_is_shown(self, configure: Configure) -> None:
        configure(SECRETS=[f"2:{NEW}"])
        assert NEW not in repr(sealing.known_keys())
        out = StringIO()
        call_command("auth_settings", stdout=out)
        assert NEW not in out.getvalue()


def test_sealed_columns_are_known() -> None:
    known = {f"{model._meta.label}.{column.name}" for model, column in reencryption.sealed_columns()}
    assert known >= {
        "better_auth.SigningKey.private_key",
        "better_auth.TwoFactor.secret",
        "migration_tools.MigrationRecord.former",
        "migration_tools.KeptFactors.sealed",
    }


@pytest.mark.django_db
class TestReencryption:
    @pytest.fixture(autouse=True)
    def _rows(self, make_user: Callable[..., UserRecord]) -> None:
        signing_keys.rotate()
        for number in range(3):
            user = make_user(f"u{number}@example.com")
            KeptFactors.objects.create(source="s", user_id=user.key, sealed=kept.seal({"n": number}))

    def opened(self) -> list[Any]:
        rows = KeptFactors.objects.order_by("pk").values_list("sealed", flat=True)
        return [kept.unseal(sealed)["n"] for sealed in rows]

    def test_everything_comes_under_the_new_key(self, configure: Configure) -> None:
        before = SigningKey.objects.get().pk
        configure(SECRETS=[f"1:{NEW}"])
        assert any("to encrypt anew" in line for line in run(dry_run=True))
        assert kept.reseal(KeptFactors.objects.first().sealed) is not None  # type: ignore[union-attr]
        assert "migration_kept_factors.sealed: 3 encrypted anew, 0 under the key in force" in run(
            batch_size=2
        )
        assert orjson.loads(SigningKey.objects.get().private_key).startswith("$ba$1$")
        configure(SECRET=OLD)  # nothing hangs on the former key any more
        assert self.opened() == [0, 1, 2]
        assert signing_keys.signer() is not None
        assert SigningKey.objects.get().pk == before  # no other had to be made

    def test_a_run_that_was_stopped_is_begun_again(
        self, configure: Configure, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(SECRETS=[f"1:{NEW}"])
        one = KeptFactors.objects.order_by("pk").first()
        assert one is not None
        KeptFactors.objects.filter(pk=one.pk).update(sealed=kept.seal({"n": 0}))
        assert "migration_kept_factors.sealed: 2 encrypted anew, 1 under the key in force" in run()
        assert "migration_kept_factors.sealed: 0 encrypted anew, 3 under the key in force" in run()
        monkeypatch.setattr(reencrypt_secrets, "BATCHES_PER_LINE", 1)
        assert "migration_kept_factors.sealed: 2 so far" in run(batch_size=2)

    def test_what_is_written_meanwhile_is_not_lost(self, configure: Configure) -> None:
        configure(SECRETS=[f"1:{NEW}"])
        model, column = next(
            pair for pair in reencryption.sealed_columns() if pair[0]._meta.object_name == "KeptFactors"
        )

        def meanwhile(text: str) -> str | None:
            resealed = kept.reseal(text)
            KeptFactors.objects.filter(sealed=text).update(sealed=kept.seal({"n": 9}))
            return resealed

        racing = sealing.SealedColumn(column.name, meanwhile)
        (tally,) = reencryption.reencrypt(model, racing, batch_size=10)
        assert (tally.resealed, tally.changed_meanwhile) == (0, 3)
        assert self.opened() == [9, 9, 9]

    def test_what_no_key_opens_is_told_and_left_as_it_is(self, configure: Configure) -> None:
        KeptFactors.objects.order_by("pk").first()
        configure(SECRET=OLD, SECRETS=[f"1:{NEW}"])
        before = list(KeptFactors.objects.values_list("sealed", flat=True))
        with pytest.raises(CommandError, match="4 rows can't be opened"):
            run()
        assert list(KeptFactors.objects.values_list("sealed", flat=True)) == before
