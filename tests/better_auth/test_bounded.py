"""A mapping that can't grow without end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from better_auth.bounded import Bounded


def key(number: int) -> bytes:
    return number.to_bytes(8, "big")


def test_the_oldest_go_first_and_what_is_put_again_is_new() -> None:
    kept: Bounded[int] = Bounded(3)
    for number in (1, 2, 3, 1, 4):
        kept.put(key(number), number)
    assert [kept.get(key(number)) for number in (1, 2, 3, 4)] == [1, None, 3, 4]
    kept.drop(key(1))
    kept.drop(key(2))
    assert len(kept) == 2
    kept.clear()
    assert len(kept) == 0


def test_it_never_has_more_than_it_may_whoever_fills_it() -> None:
    kept: Bounded[int] = Bounded(100)

    def fill(thread: int) -> int:
        most = 0
        for number in range(5_000):
            kept.put(key(thread * 5_000 + number), number)
            most = max(most, len(kept))
        return most

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(fill, range(8))) <= 100
    assert len(kept) == 100
