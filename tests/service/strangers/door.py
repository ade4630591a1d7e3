"""A service's door as a stranger finds it: its API over a real database, what it says of itself, and what it keeps."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from libs.service.roles import ROLES
from libs.service.testing import ServiceClient

ISSUER = "https://id.example"
SIGNING = ec.generate_private_key(ec.SECP256R1())
STRANGER = ec.generate_private_key(ec.SECP256R1())  # signs well, but is nobody we know
CUSTOMER = UUID("0198a0c0-0000-7000-8000-0000000000c1")
NOWHERE = "0198a0c0-0000-7000-8000-000000000001"  # an id of nothing
JSON = {"Content-Type": "application/json"}
MUTATING = ("post", "put", "patch", "delete")
PATHS = {"code": "abc", "account": "abc", "sku": "ABC", "token": "abc"}
QUERIES = {"channel": "abc", "sku": "ABC", "order_id": NOWHERE}
ENDS = {"follow": "false"}  # what would stream for ever ends

Print = dict[str, tuple[int, int]]
"""Of each table: its rows, and a sum over their whole content."""


def jwks() -> str:
    """The issuer's public keys."""
    public = jwt.algorithms.ECAlgorithm.to_jwk(SIGNING.public_key(), as_dict=True)
    return json.dumps({"keys": [{**public, "kid": "door", "use": "sig"}]})


def claims(role: str = "manager", **other: Any) -> dict[str, Any]:
    """What a token says; None leaves a claim out."""
    given: dict[str, Any] = {"iss": ISSUER, "aud": "comanda", "sub": "ana", "roles": [role]}
    given["exp"] = datetime.now(UTC) + timedelta(minutes=5)
    if role == "customer":
        given["customer_id"] = str(CUSTOMER)
    return {name: value for name, value in (given | other).items() if value is not None}


def token(role: str = "manager", *, key: Any = SIGNING, algorithm: str = "ES256", **other: Any) -> str:
    """A token of the issuer, or of whoever holds another key."""
    return jwt.encode(claims(role, **other), key, algorithm, headers={"kid": "door"})


def bearer(text: str) -> dict[str, str]:
    """The header that carries it."""
    return {"Authorization": f"Bearer {text}"}


@dataclass(frozen=True)
class Operation:
    """A way in: one path under one method."""

    method: str
    path: str
    spec: Mapping[str, Any] = field(repr=False)

    @property
    def body(self) -> dict[str, Any] | None:
        """The schema of its JSON body."""
        found: dict[str, Any] | None = (
            self.spec.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        )
        return found

    @property
    def guarded(self) -> bool:
        """Whether it asks who is there."""
        return bool(self.spec.get("security"))

    def url(self) -> str:
        """An address of it that is well-formed, of things that do not exist."""
        given = {each["name"]: each for each in self.spec["parameters"] if each["in"] == "path"}
        filled = self.path.format(**{name: PATHS.get(name, NOWHERE) for name in given})
        asked = [each for each in self.spec["parameters"] if each["in"] == "query"]
        needed = [each["name"] for each in asked if each.get("required") or each["name"] in ENDS]
        return filled + ("?" + "&".join(f"{name}={(QUERIES | ENDS)[name]}" for name in needed) if needed else "")


@dataclass(frozen=True)
class Door:
    """One service as seen from outside, and from below."""

    name: str
    api: ServiceClient
    sql: "asyncpg.Connection[Any]" = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)

    def operations(self, *, mutating: bool = False) -> Iterator[Operation]:
        """Every way in that the service tells of."""
        for path, methods in self.document["paths"].items():
            for method, spec in methods.items():
                if method in MUTATING or not mutating:
                    yield Operation(method, path, spec)

    async def say(self, operation: Operation, content: bytes, headers: Mapping[str, str] | None = None) -> Any:
        """Knock, as a manager unless other headers say otherwise."""
        given = JSON | bearer(token()) | dict(headers or {})
        nobody = self.api.as_role("")
        return await nobody.request(operation.method.upper(), operation.url(), content=content, headers=given)

    async def kept(self) -> Print:
        """What every table holds: equal only while nothing at all was written."""
        tables = await self.sql.fetch(
            "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'"
        )
        each = "SELECT '{0}' AS name, count(*) AS rows, sum(hashtextextended(t::text, 0)::numeric) AS sum FROM {0} t"
        rows = await self.sql.fetch(" UNION ALL ".join(each.format(table["name"]) for table in tables))
        return {row["name"]: (row["rows"], int(row["sum"] or 0)) for row in rows}


def every_role() -> dict[str, dict[str, str]]:
    """The headers of each role, by a token of the issuer; and of somebody who is nobody."""
    return {role: bearer(token(role)) for role in ROLES} | {"": {}}
