"""A client of the five services as anybody could write one: addresses, keys, and calls that are safe to repeat."""

import asyncio
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

PORTS = {"orders": 8101, "inventory": 8102, "payments": 8103, "shipping": 8104, "notifications": 8105}
CONFLICT = 409
BUSY = (429, 502, 503, 504)
PATIENCE = 120.0


class NotReachableError(Exception):
    """No system answers; the message says how to start one."""


class RefusedError(Exception):
    """A service said no; the message is its own."""

    def __init__(self, status: int, text: str) -> None:
        """`text` as it was answered."""
        super().__init__(f"{status}: {text[:2000]}")
        self.status = status


class Api:
    """Calls the services with the keys of the local installation.

    `urls` where each service answers (from `<SERVICE>_URL` or `<SERVICE>_PORT` where not given); `keys` by role (from
    the installation's `development-keys.json`). While a service is away, a call waits and is repeated under its key.
    """

    def __init__(self, urls: dict[str, str] | None = None, keys: dict[str, str] | None = None) -> None:
        """Nothing is opened yet."""
        self.urls = urls or {name: _url(name, port) for name, port in PORTS.items()}
        self.keys = keys or _keys()
        self._http = httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=32))

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self._http.aclose()

    async def reachable(self) -> None:
        """NotReachableError where a service does not answer."""
        for name, url in self.urls.items():
            try:
                (await self._http.get(f"{url}/health/ready")).raise_for_status()
            except httpx.HTTPError as error:
                raise NotReachableError(f"{name} does not answer at {url}: start the system with `make run`") from error

    async def call(
        self,
        service: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: str = "manager",
        key: str | None = None,
        version: int | None = None,
    ) -> tuple[int, Any]:
        """The status and the answer; RefusedError from 400 on, once waiting has not helped."""
        headers = {"Authorization": f"Bearer {self.keys[role]}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        end = asyncio.get_running_loop().time() + PATIENCE
        while True:
            reply = await self._once(method, f"{self.urls[service]}{path}", headers, body)
            if reply is not None and not _is_busy(reply):
                break
            if asyncio.get_running_loop().time() > end:
                raise NotReachableError(f"{service} does not answer {method} {path}")
            await asyncio.sleep(0.2)
        if reply.status_code >= 400:  # noqa: PLR2004
            raise RefusedError(reply.status_code, reply.text)
        kind = reply.headers.get("content-type", "")
        return reply.status_code, reply.json() if "json" in kind else reply.content

    async def _once(self, method: str, url: str, headers: dict[str, str], body: Any) -> httpx.Response | None:
        try:
            return await self._http.request(method, url, headers=headers, json=body)
        except httpx.TransportError:
            return None

    async def get(self, service: str, path: str) -> Any:
        """What is there."""
        return (await self.call(service, "GET", path))[1]

    async def every(self, service: str, path: str) -> list[Any]:
        """All pages of a list."""
        items, after, mark = [], None, "&" if "?" in path else "?"
        while True:
            page = await self.get(service, f"{path}{mark}limit=200" + (f"&after={after}" if after else ""))
            items += page["items"]
            if not (after := page.get("next")):
                return items


def _is_busy(reply: httpx.Response) -> bool:
    """Whether the same call, under the same key, is to be made again: also while its first one still runs."""
    return reply.status_code in BUSY or (reply.status_code == CONFLICT and "in-progress" in reply.text)


def _url(name: str, port: int) -> str:
    given = os.environ.get(f"{name.upper()}_URL")
    return given or f"http://127.0.0.1:{os.environ.get(f'{name.upper()}_PORT', port)}"


def local() -> Path:
    """The folder where the installation on this machine keeps its state; COMANDA_LOCAL where it is another."""
    return Path(os.environ.get("COMANDA_LOCAL", Path(__file__).parent.parent / ".local"))


def _keys() -> dict[str, str]:
    path = local() / "development-keys.json"
    try:
        found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotReachableError(f"there are no keys at {path}: start the system with `make run`") from None
    return found
