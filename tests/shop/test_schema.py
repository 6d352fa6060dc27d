"""The shop beside a mirror in a schema of its own, which ``CLERK_SYNC_SCHEMA`` names."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.conftest import ROOT
from tests.stage.postgres import run_statement
from tests.stage.service import run_flask

ODD = 'Team "A" 100% $$ :x {y}'
PREFIX = {"clerk": "clerk.", ODD: '"Team ""A"" 100% $$ :x {y}".'}

USE_THE_SHOP = """
from clerk_sync.app import create_app
from clerk_sync.shop import addresses, orders, store
from clerk_sync.shop.db import db, users

app = create_app()
with app.app_context():
    session = db.session()
    user_id = store.find_user_id(session, "user_1")
    addresses.add_address(session, user_id, addresses.NewAddress("1 Harbour Road", "Galway", "IE"))
    session.commit()
    print(users.schema, user_id, orders.list_own_orders("user_1", after=None, limit=10).orders)
"""


@pytest.mark.parametrize("schema", PREFIX, ids=["clerk", "odd"])
def test_the_shop_finds_its_users_in_the_schema_of_the_mirror(new_database: Callable[[], str], schema: str) -> None:
    url = new_database()
    environment = {
        **os.environ,
        "CLERK_SYNC_ENV": "test",
        "CLERK_SYNC_SCHEMA": schema,
        "DATABASE_URL": url,
        "FLASK_SKIP_DOTENV": "1",
    }
    for arguments in (["db", "upgrade"], ["db", "check"], ["shop", "load-products"]):
        ran = run_flask(environment, *arguments)
        assert ran.returncode == 0, ran.stderr
    run_statement(url, f"INSERT INTO {PREFIX[schema]}users (clerk_id) VALUES ('user_1')")
    used = subprocess.run(
        [sys.executable, "-c", USE_THE_SHOP], cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )
    assert (used.stdout, used.returncode) == (f"{schema} 1 []\n", 0), used.stderr
    assert run_statement(url, "SELECT user_id, city FROM public.addresses") == [(1, "Galway")]
