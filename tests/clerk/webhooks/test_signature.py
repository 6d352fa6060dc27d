"""Every byte of a delivery is verified, within five minutes, and malformed headers raise only SignatureError."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from clerk_sync.clerk.errors import SignatureError
from clerk_sync.clerk.webhooks.signature import VerifiedDelivery, WebhookVerifier

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
OTHER_SECRET = "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7"
AT = 1_700_000_000
BODY = b'{"data":{"deleted":true,"id":"user_a","object":"user"},"object":"event","type":"user.deleted"}'
SIGNATURE = "v1,yfx+IOmBKrk82EwTubF40KEr3VzYQ+RnMTb4u49aIS4="
OTHER_SIGNATURE = "v1,B6IdO97igj7MsWckpVRMdgOLCUjkbNO7Fp1N7j+OkwI="
HEADERS = {"svix-id": "msg_test_1", "svix-timestamp": str(AT), "svix-signature": SIGNATURE}


def verify(body: bytes = BODY, *, secret: str = SECRET, now: float = AT, **headers: str) -> VerifiedDelivery:
    renamed = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebhookVerifier([secret], clock=lambda: now).verify(HEADERS | renamed, body)


def refused(body: bytes = BODY, *, now: float = AT, **headers: str) -> bool:
    try:
        verify(body, now=now, **headers)
    except SignatureError:
        return True
    return False


@pytest.mark.parametrize(
    ("secret", "message_id", "at", "body", "signature"),
    [
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (SECRET, "msg_test_1", AT, BODY, SIGNATURE),
        (SECRET, "msg_test_2", AT, '{"n":"Zoë 🙂"}'.encode(), "v1,VbLeqRj2JYMtXStBKlDcsHMI0kaQLobbBrIofpEIWQU="),
        (SECRET, "msg_test_3", AT, b"", "v1,nC8jhx+i0YDSPMUcLH1Oif4JlQoEAhGKHXarO2kO8Cs="),
        (OTHER_SECRET, "msg_test_1", AT, BODY, OTHER_SIGNATURE),
    ],
)
def test_published_vectors_are_accepted(secret: str, message_id: str, at: int, body: bytes, signature: str) -> None:
    headers = {"svix-id": message_id, "svix-timestamp": str(at), "svix-signature": signature}
    delivery = WebhookVerifier([secret], clock=lambda: at).verify(headers, body)
    assert delivery == VerifiedDelivery(message_id, at, body)


@pytest.mark.parametrize(
    ("drift", "expected"), [(300, False), (300.9, False), (301, True), (-300, False), (-301, True)]
)
def test_five_minutes_either_side_are_tolerated_in_whole_seconds(drift: float, expected: bool) -> None:
    """W2"""
    assert refused(now=AT + drift) is expected


def test_one_changed_byte_is_refused() -> None:
    """W3"""
    assert refused(BODY.replace(b"user_a", b"user_b"))
    assert refused(BODY.replace(b":", b": "))


def test_malformed_entries_before_a_valid_signature_are_skipped() -> None:
    """W4"""
    assert verify(svix_signature=f"junk v1 , v1,a,b v1a,AAAA v2,{SIGNATURE[3:]} {SIGNATURE}")


def test_either_signature_of_a_rotation_is_enough() -> None:
    """W5"""
    both = f"{OTHER_SIGNATURE} {SIGNATURE}"
    assert verify(svix_signature=both)
    assert verify(svix_signature=both, secret=OTHER_SECRET)


def test_either_secret_of_a_rotation_is_enough() -> None:
    verifier = WebhookVerifier([OTHER_SECRET, SECRET], clock=lambda: AT)
    assert verifier.verify(HEADERS, BODY)


def test_only_version_one_signatures_count() -> None:
    """W6"""
    assert refused(svix_signature=f"v2,{SIGNATURE[3:]}")
    assert refused(svix_signature=SIGNATURE[3:])


@pytest.mark.parametrize("name", ["svix_id", "svix_timestamp", "svix_signature"])
@pytest.mark.parametrize("value", ["", "   "])
def test_a_missing_or_blank_header_is_refused(name: str, value: str) -> None:
    """W7"""
    assert refused(**{name: value})


@pytest.mark.parametrize("timestamp", ["abc", "nan", f"{AT}.5", f"{AT}000", f"-{AT}", f"{AT}e0", "٣", "9" * 40])
def test_a_timestamp_that_is_not_seconds_is_refused(timestamp: str) -> None:
    """W7"""
    assert refused(svix_timestamp=timestamp)


@pytest.mark.parametrize("message_id", ["msg test", "msg_ü", "m" * 257, "msg\ttest"])
def test_an_id_that_cannot_be_a_key_is_refused(message_id: str) -> None:
    assert refused(svix_id=message_id)


def test_the_standard_header_names_stand_in_for_svixs() -> None:
    """W8"""
    headers = {name.replace("svix", "webhook"): value for name, value in HEADERS.items()}
    assert WebhookVerifier([SECRET], clock=lambda: AT).verify(headers, BODY)


def test_a_svix_header_wins_over_its_standard_alias() -> None:
    assert verify(webhook_id="msg_other", webhook_signature="v1,AAAA")


def test_a_body_that_is_not_utf8_is_proved_by_its_bytes() -> None:
    """The signature does not depend on the body being JSON."""
    body = b'{"name": "\xff"}'
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    mac = hmac.new(key, b"msg_test_1." + str(AT).encode() + b"." + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(mac).decode()
    assert verify(body, svix_signature=signature).body == body
    assert refused(body.replace(b"\xff", b"\xfe"), svix_signature=signature)
    assert refused(body.replace(b"\xff", "\ufffd".encode()), svix_signature=signature)


def test_the_proof_does_not_show_the_body() -> None:
    assert "user_a" not in repr(verify())
