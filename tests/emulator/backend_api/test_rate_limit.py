from __future__ import annotations

import pytest

from clerk_sync.emulator.backend_api.rate_limit import RateLimit
from clerk_sync.emulator.errors import ClerkApiError


def test_the_limit_holds_until_the_window_ends_and_says_how_long() -> None:
    now_s = [0.0]
    limit = RateLimit(2, 10.0, lambda: now_s[0])
    limit.check()
    limit.check()
    now_s[0] = 6.5
    with pytest.raises(ClerkApiError) as caught:
        limit.check()
    assert (caught.value.status, caught.value.retry_after_s) == (429, 4)
    now_s[0] = 10.0
    limit.check()
