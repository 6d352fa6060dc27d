"""Journeys over the wire: real servers, real sockets, the local Clerk."""

import pytest

pytest.register_assert_rewrite("tests.journeys.ledger", "tests.stage.house")
