"""Buffers: a body is read into one that nobody else has, and the next body goes into the same."""

from __future__ import annotations

from clerk_sync.clerk.api.buffers import SMALLEST, Buffers


def test_two_bodies_at_once_do_not_mix() -> None:
    buffers = Buffers()
    with buffers.lend() as one, buffers.lend() as other:
        one.write(b"one", at=0)
        other.write(b"other", at=0)
        assert (one.view(3), other.view(5)) == (b"one", b"other")


def test_the_next_body_goes_where_the_last_one_was_and_shows_nothing_of_it() -> None:
    buffers = Buffers()
    with buffers.lend() as first:
        first.write(b"a long body", at=0)
    with buffers.lend() as second:
        assert second is first
        assert second.view(second.write(b"short", at=0)) == b"short"


def test_a_body_of_any_length_is_read_whole() -> None:
    with Buffers().lend() as buffer:
        size = 0
        for number in range(5):
            size = buffer.write(bytes([number]) * SMALLEST, at=size)
        assert bytes(buffer.view(size)) == b"".join(bytes([number]) * SMALLEST for number in range(5))


def test_a_view_that_somebody_kept_is_in_nobodys_way() -> None:
    with Buffers().lend() as buffer:
        kept = buffer.view(buffer.write(b"kept", at=0))
        assert buffer.write(b"x" * (SMALLEST + 1), at=0) == SMALLEST + 1
        assert kept == b"kept"
