"""OAuth: client credentials against a bearer token that runs out."""

import base64
import secrets
import time
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.standins.paypal.refusals import Refused


class Tokens:
    """Tokens live so many seconds, and never longer than the process: a restart asks everybody to log in again."""

    def __init__(self, client_id: str, client_secret: str, seconds: int) -> None:
        self.client_id, self.client_secret, self.seconds = client_id, client_secret, seconds
        self._live: dict[str, float] = {}

    async def issue(self, request: Request) -> Response:
        """A new token for the right id and secret; errors in OAuth's own shape."""
        right = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {right}":
            return JSONResponse({"error": "invalid_client", "error_description": "Client Authentication failed"}, 401)
        if parse_qs((await request.body()).decode("latin-1")).get("grant_type") != ["client_credentials"]:
            return JSONResponse({"error": "unsupported_grant_type", "error_description": "unsupported grant_type"}, 400)
        token = f"A21AA{secrets.token_urlsafe(32)}"
        self._live[token] = time.monotonic() + self.seconds
        given = {"access_token": token, "token_type": "Bearer", "expires_in": self.seconds}
        return JSONResponse(given | {"scope": "https://uri.paypal.com/services/payments"})

    def check(self, request: Request) -> None:
        """Refuse a request without a live token."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._live.get(token, 0.0) < time.monotonic():
            raise Refused("AUTHENTICATION_FAILURE", "INVALID_TOKEN")

    def expire(self) -> int:
        """End every token now; says how many."""
        gone = len(self._live)
        self._live.clear()
        return gone
