"""The mail stand-in: a real SMTP server whose mails can be read over HTTP, and which fails on command."""

import asyncio
import socket
import warnings
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.standins.misbehave import Rule
from tests.standins.server import StandIn
from tests.standins.smtp import mailbox

HOWS = {"refuse", "late", "slow", "drop_before", "drop_after_effect", "drop_after_250"}
AT_RANDOM = ("refuse", "late", "slow", "drop_before", "drop_after_effect", "drop_after_250")
ACCEPTED = "250 2.0.0 OK: accepted"
LARGEST = 25 * 1024 * 1024


class SmtpStandIn(StandIn):
    """SMTP on one port, reading and control on another."""

    name = "smtp"
    hows = frozenset(HOWS)

    def __init__(
        self, *, smtp_port: int = 0, username: str | None = None, password: str | None = None, **common: Any
    ) -> None:
        super().__init__(**common)
        self.smtp_port, self.username, self.password = smtp_port, username, password
        self.mailbox = mailbox.Mailbox(self.book)
        self._smtp: asyncio.Server | None = None

    def facts(self) -> dict[str, Any]:
        """Everything a settings file needs to know."""
        return {"url": self.url, "smtp_host": self.host, "smtp_port": self.smtp_port}

    def mails(self, to: str | None = None) -> list[dict[str, Any]]:
        """What has arrived (for a recipient), oldest first."""
        return self.mailbox.list(to=to)

    async def open(self) -> None:
        """The SMTP port."""
        listening = socket.create_server((self.host, self.smtp_port), backlog=256)
        self.smtp_port = listening.getsockname()[1]
        self._smtp = await asyncio.get_running_loop().create_server(self._session, sock=listening)

    async def shut(self) -> None:
        """No more mail."""
        if self._smtp is not None:
            self._smtp.close()

    def _session(self) -> SMTP:
        options: dict[str, Any] = {}
        if self.username is not None:
            options = {"authenticator": self._login, "auth_required": True, "auth_require_tls": False}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that a password travels in the clear: it is on purpose
            return SMTP(self, hostname="smtp.standin", data_size_limit=LARGEST, enable_SMTPUTF8=True, **options)

    def _login(self, _server: SMTP, _session: Session, _envelope: Envelope, _kind: str, given: Any) -> AuthResult:
        right = isinstance(given, LoginPassword) and (
            (given.login, given.password) == ((self.username or "").encode(), (self.password or "").encode())
        )
        return AuthResult(success=right, handled=False)  # the refusal is the library's to send

    # What the SMTP server asks us; the names are the library's.

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept a recipient, or refuse by rule."""
        rule = self.mischief.take("rcpt", {"refuse", "drop_before", "slow"})
        if rule is not None and rule.how == "slow":
            await asyncio.sleep(rule.delay_ms / 1000)
        elif rule is not None:
            self.book.asked("rcpt", to=address, misbehaved=rule.how)
            return self._bad(server, rule)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail in, or misbehave before or after it."""
        rule = self.mischief.take("data", HOWS, AT_RANDOM)
        raw = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content or "").encode()
        message_id = mailbox.first(mailbox.heads(raw), "message-id")
        how = rule.how if rule else None
        self.book.asked("data", to=list(envelope.rcpt_tos), message_id=message_id, misbehaved=how)
        if rule is not None and rule.how in ("refuse", "drop_before"):
            return self._bad(server, rule)
        if rule is not None and rule.how == "slow":
            await asyncio.sleep(rule.delay_ms / 1000)
        self.mailbox.add(str(envelope.mail_from), list(envelope.rcpt_tos), raw)
        if rule is not None and rule.how == "late":
            await asyncio.sleep(rule.delay_ms / 1000)
        if rule is not None and rule.how == "drop_after_effect":
            return self._bad(server, rule)
        if rule is not None and rule.how == "drop_after_250":
            asyncio.get_running_loop().call_later(0.02, _connection(server).close)
        return ACCEPTED

    def _bad(self, server: SMTP, rule: Rule) -> str:
        """The refusal's text; or hang up, and nobody reads the text."""
        if rule.how == "refuse":
            code = rule.code or 451
            return f"{code} {code // 100}.0.0 refused on command"
        _connection(server).abort()
        return "421 4.0.0 closed"

    # Reading.

    def routes(self) -> list[BaseRoute]:
        """Mails as JSON, raw, and as pages."""
        return [
            Route("/", self._index),
            Route("/messages", self._list, methods=["GET", "DELETE"]),
            Route("/messages/{n:int}", self._raw),
            Route("/messages/{n:int}/view", self._view),
            Route("/messages/{n:int}/text", self._text),
            Route("/messages/{n:int}/html", self._html),
            Route("/_control/facts", self._tell_facts),
        ]

    async def _index(self, _: Request) -> Response:
        return HTMLResponse(mailbox.index(self.mailbox.list()))

    async def _list(self, request: Request) -> Response:
        if request.method == "DELETE":
            return JSONResponse({"deleted": self.mailbox.clear()})
        asked = request.query_params
        found = self.mailbox.list(to=asked.get("to"), subject=asked.get("subject"), message_id=asked.get("message_id"))
        return JSONResponse({"messages": found})

    async def _raw(self, request: Request) -> Response:
        raw = self.mailbox.raw(str(request.path_params["n"]))
        return Response(raw, media_type="message/rfc822") if raw is not None else Response(status_code=404)

    async def _view(self, request: Request) -> Response:
        number = str(request.path_params["n"])
        raw = self.mailbox.raw(number)
        return HTMLResponse(mailbox.view(number, raw)) if raw is not None else Response(status_code=404)

    async def _text(self, request: Request) -> Response:
        return self._part(request, "plain")

    async def _html(self, request: Request) -> Response:
        return self._part(request, "html")

    def _part(self, request: Request, kind: str) -> Response:
        raw = self.mailbox.raw(str(request.path_params["n"]))
        if raw is None:
            return Response(status_code=404)
        headers = {"Content-Security-Policy": "sandbox"}
        return Response(mailbox.body(mailbox.parsed(raw), kind), media_type=f"text/{kind}", headers=headers)

    async def _tell_facts(self, _: Request) -> Response:
        return JSONResponse(self.facts())


def _connection(server: SMTP) -> asyncio.Transport:
    assert isinstance(server.transport, asyncio.Transport)
    return server.transport
