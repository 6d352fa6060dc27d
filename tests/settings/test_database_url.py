"""DATABASE_URL is refused at the start if libpq would refuse it when it connects, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import quote

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg2.extensions import parse_dsn

from clerk_sync.settings.database_url import parse_database_url
from tests.conftest import ROOT
from tests.settings.environments import PRODUCTION, problems_of

CANARY = "hunter2"
BASE = f"postgresql://{CANARY}:{CANARY}@{CANARY}.example.com"


@pytest.mark.parametrize(
    ("rest", "names"),
    [
        (":abc/db", "port"),
        (":99999/db", "port"),
        (":0/db", "port"),
        (":-1/db", "port"),
        (f":5432,{CANARY}:99999/db", "port"),
        ("/db?port=1,2", "port"),
        ("/db?hostaddr=10.0.0.1,10.0.0.2", "hostaddr"),
        ("/db?sslmode=bogus", "sslmode"),
        ("/db?sslmode=REQUIRE", "sslmode"),
        ("/db?sslmode=", "sslmode"),
        ("/db?channel_binding=bogus", "channel_binding"),
        ("/db?gssencmode=bogus", "gssencmode"),
        ("/db?sslnegotiation=bogus", "sslnegotiation"),
        ("/db?sslnegotiation=direct", "sslmode=require"),
        ("/db?sslcertmode=bogus", "sslcertmode"),
        ("/db?sslrootcert=system&sslmode=require", "sslmode=verify-full"),
        ("/db?ssl_min_protocol_version=SSLv3", "ssl_min_protocol_version"),
        ("/db?ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2", "ssl_max_protocol_version"),
        ("/db?require_auth=bogus", "require_auth"),
        ("/db?target_session_attrs=bogus", "target_session_attrs"),
        ("/db?load_balance_hosts=bogus", "load_balance_hosts"),
        ("/db?connect_timeout=abc", "connect_timeout"),
        ("/db?connect_timeout=", "connect_timeout"),
        ("/db?connect_timeout=3s", "connect_timeout"),
        ("/db?keepalives=on", "keepalives"),
        ("/db?keepalives_idle=0", "keepalives_idle"),
        ("/db?keepalives_interval=1.5", "keepalives_interval"),
        ("/db?keepalives_count=128", "keepalives_count"),
        ("/db?tcp_user_timeout=2147483648", "tcp_user_timeout"),
        (f"/db?{CANARY}=true", "names that libpq knows"),
        ("/db?sslmode", "name=value pairs"),
        ("/db%zz", "escape of two hexadecimal digits"),
        ("/db%00", "escape of two hexadecimal digits"),
        (f"@{CANARY}/db", "one @"),
        ("/db\udcff", "a URL that libpq accepts"),
    ],
)
def test_a_url_that_libpq_refuses_is_refused_without_quoting_it(rest: str, names: str) -> None:
    (problem,) = problems_of(DATABASE_URL=BASE + rest)
    assert problem.startswith("DATABASE_URL: found a value that cannot be used, expected ")
    assert names in problem
    assert CANARY not in problem


@pytest.mark.parametrize("url", ["postgresql://", "postgres:u:p@h/db", "http://h/db", "postgresql://[::1/db"])
def test_a_url_without_a_database_server_is_answered_with_an_example(url: str) -> None:
    (problem,) = problems_of(DATABASE_URL=url)
    assert "such as postgresql://user:password@host:5432/name" in problem


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://h1:1,h2:2/db?target_session_attrs=read-write",
        "postgresql://h1,h2,h3/db?target_session_attrs=primary&load_balance_hosts=random",
        "postgresql://u:p%40%2F%3A@[::1]:5432/db",
        "postgresql:///db?host=/var/run/postgresql&port=5433",
        "postgresql://h:/db",
        "postgresql://h/db?connect_timeout=30&keepalives_idle=60&keepalives_interval=10&keepalives_count=6",
        "postgresql://h/db?connect_timeout=%2B5&tcp_user_timeout=0&keepalives=0",
        "postgresql://h/db?ssl=true",
        "postgresql://h/db?sslmode=verify-full&sslrootcert=system&sslnegotiation=direct",
        "postgresql://?hostaddr=10.0.0.1",
        "postgresql://?service=shop",
    ],
)
def test_a_url_that_libpq_accepts_is_returned_unchanged(url: str) -> None:
    assert parse_database_url(url) == url
    assert parse_database_url(url.replace("postgresql:", "postgres:")) == url


VALUES = {
    "sslmode": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full", "Require", "", "bogus"],
    "sslnegotiation": ["postgres", "direct", "bogus"],
    "sslcertmode": ["disable", "allow", "require", "bogus"],
    "sslrootcert": ["system", "/nowhere"],
    "ssl_min_protocol_version": ["TLSv1", "TLSv1.1", "tlsv1.2", "TLSv1.3", "", "SSLv3"],
    "ssl_max_protocol_version": ["TLSv1", "TLSv1.1", "tlsv1.2", "TLSv1.3", "", "SSLv3"],
    "channel_binding": ["disable", "prefer", "require", "bogus"],
    "gssencmode": ["disable", "prefer", "bogus"],  # require is refused on a socket, which this test uses
    "require_auth": ["", "md5", "md5,none", "!md5,!none", "md5,!none", "md5,md5", "bogus", "!", ","],
    "target_session_attrs": ["any", "read-write", "read-only", "primary", "standby", "prefer-standby", "", "bogus"],
    "load_balance_hosts": ["disable", "random", "bogus"],
    "port": ["1", "65535", "65536", "0", "-1", "+5", " 5 ", "05", "0x5", "5x", "", "1,2", "1,", ",", "1,2,3", "1,x"],
}


def libpq_accepts(url: str) -> bool:
    """Let libpq start a connection to sockets that do not exist."""
    parameters = parse_dsn(url)
    parameters["host"] = ",".join("/nowhere" for _ in parameters["host"].split(","))
    try:
        psycopg2.connect(async_=True, **parameters).close()
    except psycopg2.OperationalError as error:
        lines = [line for line in str(error).splitlines() if not line.startswith("\t")]
        return all("/nowhere" in line for line in lines)
    return True


@given(
    st.sampled_from(["h", "h1,h2", "h1:1,h2:2", "h1,h2:x"]),
    st.lists(st.sampled_from([(name, value) for name in VALUES for value in VALUES[name]]), max_size=4),
)
def test_the_parser_accepts_what_libpq_accepts(hosts: str, parameters: list[tuple[str, str]]) -> None:
    url = f"postgresql://u:p@{hosts}/db?" + "&".join(f"{name}={quote(value)}" for name, value in parameters)
    try:
        parse_database_url(url)
    except ValueError:
        assert not libpq_accepts(url)
    else:
        assert libpq_accepts(url)


@pytest.mark.parametrize("rest", [":99999/db", "/db?sslmode=bogus", "/db?connect_timeout=abc"])
def test_a_web_server_with_a_wrong_url_does_not_start(rest: str) -> None:
    environment = {**os.environ, **PRODUCTION, "DATABASE_URL": BASE + rest}
    command = [sys.executable, "-m", "clerk_sync.start", "echo", "started"]
    ran = subprocess.run(command, env=environment, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.count("DATABASE_URL") == 1
    assert CANARY not in ran.stderr


def test_the_driver_that_sqlalchemy_reads_in_a_url_is_left_out() -> None:
    assert parse_database_url("postgresql+psycopg://shop:pw@db/shop") == "postgresql://shop:pw@db/shop"
