import pytest

# Before anything imports them, so that their assertions speak as those in tests do.
pytest.register_assert_rewrite("tests.journeys.ledger", "tests.stage.servers")
