"""An SMS gateway, twice: a plain one over JSON or a form, and Twilio's messages. Both send into one book."""

import base64
import json
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.standins.book import Shelf
from tests.standins.misbehave import TRANSPORT
from tests.standins.server import StandIn

NUMBER = re.compile(r"\+[1-9]\d{6,14}")
MOST = 1600
SECRET = "sms-secret"


class SmsStandIn(StandIn):
    """`POST /send` remembers references (unless it `forgets`); Twilio's half remembers nothing but what it sent."""

    name = "sms"
    hows = frozenset({*TRANSPORT, "behind"})

    def __init__(
        self, *, secret: str = SECRET, account: str = "AC0123456789", forgets: bool = False, **common: Any
    ) -> None:
        super().__init__(**common)
        self.secret, self.account, self.forgets = secret, account, forgets
        self._sent, self._references = Shelf(self.book, "sms"), Shelf(self.book, "references")

    def facts(self) -> dict[str, Any]:
        """Everything a settings file needs to know."""
        return {"url": self.url, "secret": self.secret, "account": self.account}

    def sent(self, to: str | None = None) -> list[dict[str, Any]]:
        """What went out (to a number), oldest first."""
        return [each for each in self.did("sms") if to in (None, each["to"])]

    def routes(self) -> list[BaseRoute]:
        """Both protocols, and what was sent."""
        place = "/2010-04-01/Accounts/{account}/Messages.json"
        return [
            self.operation("send", "POST", "/send", self._send),
            self.operation("create", "POST", place, self._create),
            self.operation("list", "GET", place, self._list),
            Route("/messages", self._shown),
            Route("/_control/facts", self._tell_facts),
        ]

    def _deliver(self, to: str, sender: str, text: str, reference: str = "") -> dict[str, Any]:
        sid = f"SM{len(self._sent) + 1:032d}"
        row = {"sid": sid, "to": to, "from": sender, "body": text, "date_created": format_datetime(datetime.now(UTC))}
        self._sent[sid] = row
        self.book.did("sms", sid=sid, to=to, sender=sender, text=text, reference=reference)
        return row

    async def _send(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return JSONResponse({"status": "error", "error": "who are you"}, 401)
        fields = await _fields(request)
        to, text, reference = fields.get("to", ""), fields.get("text", ""), fields.get("reference", "")
        if not NUMBER.fullmatch(to) or not text:
            return JSONResponse({"status": "rejected", "error": "number"}, 400)
        sid = self._references.get(reference) if reference and not self.forgets else None
        if sid is None:
            sid = self._deliver(to, fields.get("from", ""), text, reference)["sid"]
            self._references[reference] = sid
        return JSONResponse({"status": "accepted", "id": sid})

    async def _create(self, request: Request) -> Response:
        if (refused := self._stranger(request)) is not None:
            return refused
        fields = await _fields(request)
        sender = fields.get("From") or fields.get("MessagingServiceSid", "")
        if not NUMBER.fullmatch(fields.get("To", "")):
            return _error(400, 21211, "The 'To' number is not a valid phone number.")
        if not fields.get("Body") or len(fields["Body"]) > MOST:
            return _error(400, 21602 if not fields.get("Body") else 21617, "Message body")
        row = self._deliver(fields["To"], sender, fields["Body"])
        return JSONResponse(row | {"status": "queued", "account_sid": self.account}, 201)

    async def _list(self, request: Request) -> Response:
        if (refused := self._stranger(request)) is not None:
            return refused
        to = request.query_params.get("To")
        if self.mischief.take("list", {"behind"}) is not None:
            return JSONResponse({"messages": [], "next_page_uri": None})
        found = [row for row in self._sent.values() if to in (None, row["to"])]
        return JSONResponse({"messages": list(reversed(found)), "next_page_uri": None})

    def _stranger(self, request: Request) -> Response | None:
        expected = base64.b64encode(f"{self.account}:{self.secret}".encode()).decode()
        right = request.path_params["account"] == self.account
        if right and request.headers.get("authorization") == f"Basic {expected}":
            return None
        return _error(401, 20003, "Authenticate")

    async def _shown(self, request: Request) -> Response:
        return JSONResponse({"messages": self.sent(request.query_params.get("to"))})

    async def _tell_facts(self, _: Request) -> Response:
        return JSONResponse(self.facts())


def _error(status: int, code: int, message: str) -> Response:
    return JSONResponse({"code": code, "message": message, "status": status}, status)


async def _fields(request: Request) -> dict[str, str]:
    body = (await request.body()).decode("utf-8", "replace")
    if request.headers.get("content-type", "").startswith("application/json"):
        return {str(name): str(value) for name, value in json.loads(body).items()}
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}
