import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from libs.events.transaction import UnitOfWork
from libs.service import auth, keys
from libs.service.auth import Authentication, Principal
from libs.service.keys import KnownKey, new_key, parsed
from libs.service.problems import Unauthenticated
from libs.service.roles import ROLES
from libs.service.settings import ServiceSettings

ISSUER = "https://id.example"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def jwk(kid: str, key: Any, algorithm: Any) -> dict[str, Any]:
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


JWKS = {
    "keys": [
        jwk("rsa", RSA, jwt.algorithms.RSAAlgorithm),
        jwk("ec", EC, jwt.algorithms.ECAlgorithm),
        jwk("ed", ED, jwt.algorithms.OKPAlgorithm),
        {"kty": "oct", "kid": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"},
    ]
}


class Issuer:
    """The identity provider, and how often it was asked for its keys."""

    def __init__(self) -> None:
        self.jwks: Any = JWKS
        self.asked = 0

    def answer(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(200 if self.jwks else 500, json=self.jwks)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def authentication(issuer: Issuer) -> Authentication:
    settings = ServiceSettings(
        mode="development",
        database_url="postgresql://nobody@127.0.0.1:1/none",
        events_bus="postgresql://nobody@127.0.0.1:1/none",
        auth_issuer=ISSUER,
        auth_jwks_url=f"{ISSUER}/jwks",
        auth_development_keys={"manager": "only-for-development"},  # type: ignore[dict-item]
    )
    http = httpx.AsyncClient(transport=httpx.MockTransport(issuer.answer))
    return Authentication(settings, UnitOfWork.open(settings.database_url, "test"), http)


def claims(**other: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    given = {"iss": ISSUER, "aud": "comanda", "sub": "ana", "exp": now + timedelta(minutes=5), "roles": ["operator"]}
    return {name: value for name, value in (given | other).items() if value is not None}


def token(key: Any = RSA, algorithm: str = "RS256", kid: str | None = "rsa", **other: Any) -> str:
    return jwt.encode(claims(**other), key, algorithm, headers={"kid": kid} if kid else None)


@pytest.mark.parametrize(("key", "algorithm", "kid"), [(RSA, "RS256", "rsa"), (EC, "ES256", "ec"), (ED, "EdDSA", "ed")])
async def test_a_token_of_the_issuer_opens_the_door(
    authentication: Authentication, key: Any, algorithm: str, kid: str
) -> None:
    principal = await authentication.principal(token(key, algorithm, kid))
    assert principal == Principal("user", "ana", ROLES["operator"])
    assert principal.actor == "user:ana"


def forged() -> dict[str, str]:
    public = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    part = jwt.utils.base64url_encode
    header = part(json.dumps({"alg": "HS256", "kid": "rsa"}).encode())
    payload = part(json.dumps(claims(exp=9999999999)).encode())
    signature = part(
        jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(header + b"." + payload, public)
    )
    other = rsa.generate_private_key(65537, 2048)
    return {
        "nothing signed": token(None, "none", None),
        "nothing signed, with a kid": token(None, "none"),
        "the public key as HMAC secret": b".".join((header, payload, signature)).decode(),
        "a symmetric key of the issuer's": token(b"secret-secret-secret-secret-secret", "HS256", "oct"),
        "another key": token(other),
        "another key type": token(EC, "ES256", "rsa"),
        "another algorithm": token(RSA, "RS512"),
        "another issuer": token(iss="https://evil.example"),
        "another audience": token(aud="somebody else"),
        "expired": token(exp=datetime.now(UTC) - timedelta(minutes=5)),
        "not yet": token(nbf=datetime.now(UTC) + timedelta(minutes=5)),
        "no expiry": token(exp=None),
        "no subject": token(sub=None),
        "no audience": token(aud=None),
        "a subject with a line end": token(sub="ana\nroot"),
        "an unknown kid": token(kid="new"),
        "no kid": token(kid=None),
        "a customer of no id": token(roles=["customer"]),
        "a customer of a wrong id": token(customer_id="7"),
        "roles of a wrong kind": token(roles=7),
        "garbage": "a.b.c",
        "dots": "..",
        "an empty one": "",
        "half a surrogate": "\udcff",
        "a key's form": f"ck_{uuid4().hex}",
    }


FORGED = forged()


def test_only_asymmetric_algorithms_are_taken() -> None:
    assert auth.ALGORITHMS == ("RS256", "ES256", "EdDSA")
    assert "oct" not in auth.KEY_TYPES


@pytest.mark.parametrize("what", FORGED)
async def test_anything_doubtful_is_refused(authentication: Authentication, what: str) -> None:
    with pytest.raises(Unauthenticated):
        await authentication.principal(FORGED[what])


async def test_a_customer_has_an_own_kind_and_only_own_scopes(authentication: Authentication) -> None:
    customer = uuid4()
    principal = await authentication.principal(
        token(customer_id=str(customer), roles=["customer", "manager"], scope="orders:write")
    )
    assert principal == Principal("customer", str(customer), ROLES["customer"], customer)


async def test_scopes_of_a_token_count_and_unknown_ones_do_not(authentication: Authentication) -> None:
    principal = await authentication.principal(token(roles=None, scope="orders:read everything:always"))
    assert principal.scopes == {"orders:read"}


async def test_unknown_kids_do_not_make_us_ask_the_issuer_again_and_again(
    authentication: Authentication, issuer: Issuer
) -> None:
    for number in range(20):
        with pytest.raises(Unauthenticated):
            await authentication.principal(token(kid=f"k{number}"))
    assert issuer.asked == 1


async def test_a_new_key_of_the_issuer_is_found_and_an_issuer_away_does_no_harm(
    authentication: Authentication, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer.jwks = {"keys": JWKS["keys"][:1]}
    await authentication.principal(token())
    monkeypatch.setattr(auth, "JWKS_RETRY", 0.0)
    issuer.jwks = JWKS
    await authentication.principal(token(EC, "ES256", "ec"))
    monkeypatch.setattr(auth, "JWKS_FRESH", 0.0)
    issuer.jwks = None
    await authentication.principal(token(EC, "ES256", "ec"))
    assert issuer.asked == 3


async def test_a_token_once_proven_is_no_longer_than_its_key_and_its_time(
    authentication: Authentication, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = token(exp=datetime.now(UTC) + timedelta(seconds=50))
    lasting = token(EC, "ES256", "ec")
    for given in (late, lasting) * 2:
        await authentication.principal(given)
    assert len(authentication._proven) == 2
    changed = lasting[:-8] + ("A" if lasting[-8] != "A" else "B") + lasting[-7:]
    with pytest.raises(Unauthenticated):
        await authentication.principal(changed)
    monkeypatch.setattr(auth, "LEEWAY", -100)
    with pytest.raises(Unauthenticated):
        await authentication.principal(late)
    assert (await authentication.principal(lasting)).id == "ana"
    monkeypatch.setattr(auth, "JWKS_FRESH", 0.0)
    monkeypatch.setattr(auth, "JWKS_RETRY", 0.0)
    issuer.jwks = {"keys": JWKS["keys"][:1]}
    with pytest.raises(Unauthenticated):
        await authentication.principal(lasting)


async def test_keys_may_come_from_a_file(authentication: Authentication, tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text(json.dumps(JWKS))
    settings = authentication.settings.model_copy(
        update={"auth_jwks_url": None, "auth_jwks_file": tmp_path / "jwks.json"}
    )
    offline = Authentication(settings, authentication.uow, authentication.http)
    assert (await offline.principal(token())).id == "ana"


async def test_a_development_key_has_its_role(authentication: Authentication) -> None:
    assert (await authentication.principal("only-for-development")).scopes == ROLES["manager"]
    with pytest.raises(Unauthenticated):
        await authentication.principal("only-for-developmenT")


def test_an_api_key_reads_back_and_only_its_own_secret_opens() -> None:
    row = uuid4()
    made = new_key(row)
    found = parsed(made.text)
    assert found is not None
    assert found[0] == row
    assert found[1] not in repr((made.prefix, made.secret_hash))
    known = KnownKey(row, made.secret_hash, "erp", (), revoked=False, expires_at=None)
    assert known.opens_with(found[1])
    assert not known.opens_with(keys.hashed(found[1]))
    assert not KnownKey(row, made.secret_hash, "erp", (), revoked=True, expires_at=None).opens_with(found[1])
    past = datetime.now(UTC) - timedelta(seconds=1)
    assert not KnownKey(row, made.secret_hash, "erp", (), revoked=False, expires_at=past).opens_with(found[1])


@pytest.mark.parametrize(
    "text", ["", "ck_", f"ck_{UUID(int=1)}_{'a' * 43}", f"ck_{'a' * 32}_{'a' * 42}", f"ck_{'a' * 32}_{'a' * 43}\n"]
)
def test_what_is_no_api_key_is_not_taken_for_one(text: str) -> None:
    assert parsed(text) is None
