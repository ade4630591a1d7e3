"""The stand-ins as programs: killed without warning, they come back with their book."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.standins.book import Book, Shelf


class Program:
    """``python -m tests.standins.NAME`` in a process of its own."""

    def __init__(self, name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", f"tests.standins.{name}", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.facts: dict[str, Any] = json.loads(self.process.stdout.readline())

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def create(facts: dict[str, Any]) -> str:
    with httpx.Client(base_url=facts["url"]) as http:
        token = http.post(
            "/v1/oauth2/token",
            auth=(facts["client_id"], facts["client_secret"]),
            data={"grant_type": "client_credentials"},
        ).json()["access_token"]
        unit = {"amount": {"currency_code": "EUR", "value": "1.00"}}
        headers = {"Authorization": f"Bearer {token}", "PayPal-Request-Id": "k"}
        reply = http.post("/v2/checkout/orders", json={"intent": "CAPTURE", "purchase_units": [unit]}, headers=headers)
        return str(reply.json()["id"])


def test_paypal_remembers_its_orders_keys_and_authority(tmp_path: Path) -> None:
    arguments = ("--port", "0", "--book", str(tmp_path / "paypal.jsonl"))
    first = Program("paypal", *arguments)
    order_id = create(first.facts)
    ca = Path(first.facts["ca_file"]).read_bytes()
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    second = Program("paypal", *arguments)
    assert create(second.facts) == order_id
    assert Path(second.facts["ca_file"]).read_bytes() == ca
    book = httpx.get(f"{second.facts['url']}/_control/book", params={"kind": "did"}).json()["entries"]
    assert [entry["what"] for entry in book] == ["order_created"]
    assert second.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(("name", "own"), [("fan", []), ("smtp", ["--smtp-port", "0"])])
def test_every_program_says_when_it_is_ready_and_ends_cleanly(name: str, own: list[str]) -> None:
    program = Program(name, "--port", "0", *own)
    assert program.facts["ready"] == name
    assert httpx.get(f"{program.facts['url']}/_control/health").json() == {"status": "ok", "stand_in": name}
    assert program.end(signal.SIGTERM) == 0


def test_a_line_torn_by_a_kill_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "book.jsonl"
    book = Book(path)
    book.did("mail", number=1)
    Shelf(book, "rows")["a"] = {"x": 1}
    Shelf(book, "rows")["b"] = {"x": 2}
    del Shelf(book, "rows")["b"]
    book.close()
    with path.open("a") as file:
        file.write('{"n": 5, "kind": "did", "wh')
    again = Book(path)
    assert [entry["what"] for entry in again.read("did")] == ["mail"]
    assert dict(Shelf(again, "rows")) == {"a": {"x": 1}}
    again.did("mail", number=2)
    again.close()
    last = Book(path)
    assert [(entry["n"], entry["number"]) for entry in last.read("did")] == [(1, 1), (5, 2)]
    last.close()
