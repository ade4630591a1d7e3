"""Tokens that are none: expired, forged, for somebody else, unsigned; at every guarded route a 401, nothing written."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization

from tests.service.strangers.door import ISSUER, SIGNING, STRANGER, Door, bearer, claims, token

PUBLIC = SIGNING.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

PLAIN = ("expired", "another audience", "signed by somebody else", "unsigned")
"""What is tried at reads too; all of them at whatever changes anything."""


def part(value: dict[str, Any]) -> str:
    text = json.dumps(value, default=lambda at: int(at.timestamp()))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def tampered() -> str:
    """A dashboard's token whose claims were changed to a manager's afterwards."""
    head, _, signature = token("dashboards").split(".")
    return f"{head}.{part(claims('manager'))}.{signature}"


def forged() -> dict[str, str]:
    ago, ahead = datetime.now(UTC) - timedelta(minutes=2), datetime.now(UTC) + timedelta(minutes=2)
    none = f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims())}."
    return {
        "expired": token(exp=ago),
        "not yet valid": token(nbf=ahead),
        "without an end": token(exp=None),
        "without a subject": token(sub=None),
        "another issuer": token(iss="https://id.example.evil"),
        "without an issuer": token(iss=None),
        "another audience": token(aud="shop"),
        "without an audience": token(aud=None),
        "signed by somebody else": token(key=STRANGER),
        "changed afterwards": tampered(),
        "unsigned": none,
        "unsigned, with a signature": none + token().rsplit(".", 1)[1],
        "without its signature": token().rsplit(".", 1)[0] + ".",
        "signed with the public key as a secret": _with_hmac(),
        "a key of its own inside": token(key=STRANGER, jwk={"kty": "EC"}),
        "a customer of no id": token("customer", customer_id=None),
        "a customer of a strange id": token("customer", customer_id="1 OR 1=1"),
        "two parts": ".".join(token().split(".")[:2]),
        "not a token": "a.b.c",
        "long": "x" * 10_000,
    }


def _with_hmac() -> str:
    """The old trick: the issuer's public key, taken for the secret of HS256."""
    import hashlib  # noqa: PLC0415 - only here
    import hmac  # noqa: PLC0415 - only here

    head = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'door'})}.{part(claims())}"
    digest = hmac.digest(PUBLIC, head.encode(), hashlib.sha256)
    return f"{head}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


async def test_a_token_that_is_none_opens_no_door_and_nothing_is_written(door: Door) -> None:
    before = await door.kept()
    for operation in door.operations():
        if not operation.guarded:
            continue
        tokens = forged()
        if operation.method == "get":
            tokens = {what: tokens[what] for what in PLAIN}
        for what, text in tokens.items():
            answer = await door.say(operation, b"{}", bearer(text))
            where = f"{operation.method} {operation.path} {what}: {answer.status_code} {answer.text}"
            assert (answer.status_code, answer.headers.get("www-authenticate")) == (401, "Bearer"), where
            assert answer.json()["type"] == "/problems/unauthenticated", where
            assert "ES256" not in answer.text, where
    assert await door.kept() == before


async def test_the_tokens_that_are_forged_here_are_taken_when_they_are_right(door: Door) -> None:
    """So that it is the forgery which is refused."""
    operation = next(each for each in door.operations() if each.guarded)
    for text in (token(), token("customer")):
        assert (await door.say(operation, b"{}", bearer(text))).status_code != 401
    assert claims()["iss"] == ISSUER
