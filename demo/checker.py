"""Proves from the databases and from the stand-ins' own books that every effect of every order happened exactly once.

python -m demo.checker [--patience SECONDS]     # of the system that `make run` runs; 1 where a promise is broken
"""

import argparse
import asyncio
import os
import shlex
import sys
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx

from demo.api import local
from demo.proof import Proof, Seen
from demo.proofs import PROOFS, QUESTIONS, QUIET, all_broken, second_copies, strays

SERVICES = ("orders", "inventory", "payments", "shipping", "notifications")
STAND_INS = {"paypal": 8171, "fan": 8173, "smtp": 8175}
_BOOKS = (("paypal", "captured"), ("fan", "booked"), ("smtp", "mail"), ("fan", "cancelled"))
SHOWN = 5


@dataclass
class Checker:
    """Where everything is: a database of each service, an address of each stand-in."""

    databases: dict[str, str]
    stand_ins: dict[str, str]
    seen: Seen = field(init=False)

    async def settled(self, patience: float) -> list[Proof]:
        """The proofs, once nothing moves and all hold; or as they are when patience ends."""
        clock = asyncio.get_running_loop().time
        end = clock() + patience
        while True:
            proofs = await self.proofs()
            if not all_broken(proofs) or clock() > end:
                return proofs
            await asyncio.sleep(2)

    async def proofs(self) -> list[Proof]:
        """Look once."""
        links = {name: await asyncpg.connect(url) for name, url in self.databases.items()}
        try:
            quiet = await self._quiet(links)
            if quiet.broken:
                return [quiet]
            self.seen = await self._look(links)
        finally:
            for link in links.values():
                await link.close()
        return [quiet, *(prove(self.seen) for prove in PROOFS)]

    async def _quiet(self, links: dict[str, Any]) -> Proof:
        proof = Proof("nothing is left to do: no outbox row, no open dead letter, no call or mail under way")
        for what, (question, only) in QUIET.items():
            for name, link in links.items():
                if only in (None, name):
                    found = [row[0] for row in await link.fetch(f"{question} LIMIT 1000")]
                    proof.expect(not found, f"{name}: {len(found)} {what}, such as {found[:1]}")
        return proof

    async def _look(self, links: dict[str, Any]) -> Seen:
        rows = {name: await links[database].fetch(question) for name, (database, question) in QUESTIONS.items()}
        async with httpx.AsyncClient(timeout=60) as http:
            done = [await self._did(http, *each) for each in _BOOKS]
        return Seen(rows, *done)

    async def _did(self, http: httpx.AsyncClient, stand_in: str, what: str) -> list[Any]:
        reply = await http.get(f"{self.stand_ins[stand_in]}/_control/book", params={"kind": "did", "name": what})
        entries: list[Any] = reply.raise_for_status().json()["entries"]
        return entries


def table(proofs: list[Proof]) -> str:
    """As a person reads it."""
    lines = []
    for proof in proofs:
        lines.append(f"{'BROKEN' if proof.broken else 'ok':>6} {proof.tried:>8}  {proof.promise}")
        lines += [f"{'':>17}{words}" for words in proof.broken[:SHOWN]]
        if more := len(proof.broken) - SHOWN:
            lines += [f"{'':>17}and {more} more"] if more > 0 else []
    return "\n".join(lines)


def from_environment() -> Checker:
    """Of the installation on this machine, or where `<SERVICE>_DATABASE_URL` and `<STAND_IN>_URL` say."""
    told = dict(os.environ)
    file = local() / "environment"
    if file.exists():
        pairs = (word.split("=", 1) for word in shlex.split(file.read_text(encoding="utf-8")) if "=" in word)
        told = dict(pairs) | told
    databases = {name: told[f"{name.upper()}_DATABASE_URL"] for name in SERVICES}
    ports = {name: told.get(f"{name.upper()}_PORT", port) for name, port in STAND_INS.items()}
    stand_ins = {name: told.get(f"{name.upper()}_URL", f"http://127.0.0.1:{port}") for name, port in ports.items()}
    return Checker(databases, stand_ins)


async def _main(patience: float) -> int:
    checker = from_environment()
    proofs = await checker.settled(patience)
    print(table(proofs))
    if all_broken(proofs):
        return 1
    print(f"{len(checker.seen.mails)} mails arrived, {second_copies(checker.seen)} of them second copies")
    print(f"{len(checker.seen.parcels)} AWBs booked, {strays(checker.seen)} of them nobody's, found and given up")
    return 0


def main() -> int:
    """Prove; 1 where something is broken."""
    parser = argparse.ArgumentParser(prog="python -m demo.checker", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait until nothing moves")
    options = parser.parse_args()
    try:
        return asyncio.run(_main(options.patience))
    except (KeyError, OSError, httpx.HTTPError) as problem:
        print(f"the system cannot be looked at ({problem!r}): start it with `make run`", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
