from __future__ import annotations

import re

from clerk_sync.emulator.identity import Ids


def test_an_id_is_a_prefix_and_27_base62_characters() -> None:
    assert re.fullmatch(r"user_[0-9A-Za-z]{27}", Ids().new("user", 1_700_000_000_000))


def test_ids_sort_by_the_second_of_their_making() -> None:
    ids = Ids()
    made = [ids.new("user", second * 1000) for second in range(1_400_000_001, 1_400_100_000, 997)]
    assert sorted(made) == made


def test_the_same_seed_makes_the_same_ids_and_another_seed_others() -> None:
    first, same, other = Ids(1), Ids(1), Ids(2)
    assert [first.new("msg", 0) for _ in range(3)] == [same.new("msg", 0) for _ in range(3)]
    assert first.new("msg", 0) != other.new("msg", 0)
