"""A secret that somebody commits, and a package with a known hole, are found."""

import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import audit

HOLE = {
    "id": "OSV-2026-1",
    "modified": "2026-01-01T00:00:00Z",
    "summary": "a hole",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9.9"}]}],
        }
    ],
}


class Osv(http.server.BaseHTTPRequestHandler):
    """Somebody else's service: says of one package that it has a hole."""

    def do_POST(self) -> None:
        asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"vulns": [HOLE]} if asked["package"]["name"] == "jinja2" else {}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def osv() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    thread.join()
    server.server_close()


def lock(folder: Path, *lines: str) -> Path:
    file = folder / "some.lock"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_package_with_a_known_hole_fails_the_audit(
    osv: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.packages(lock(tmp_path, "orjson==3.11.0"), osv) == 0
    assert audit.packages(lock(tmp_path, "orjson==3.11.0", "jinja2==3.1.0"), osv) == 1
    assert "jinja2 3.1.0: OSV-2026-1, mended in 9.9.9" in capsys.readouterr().out


def test_a_service_that_cannot_be_asked_is_said_and_is_no_yes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.packages(lock(tmp_path, "orjson==3.11.0"), "http://127.0.0.1:1/v1/query") == 0
    assert audit.LEFT_OUT in capsys.readouterr().out


def test_a_secret_that_is_committed_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(audit.CHECKOUT / audit.BASELINE, tmp_path)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    file = tmp_path / "settings.py"
    file.write_text('REGION = "eu-central-1"\n')
    subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    assert audit.secrets(tmp_path) == 0
    file.write_text('REGION = "eu-central-1"\nKEY = "AKIA' + 'Q7EXAMPLEKEY55ZZ"\n')
    assert audit.secrets(tmp_path) == 1
    assert "settings.py" in capsys.readouterr().out


def test_looking_for_secrets_changes_no_file(tmp_path: Path) -> None:
    """A known one on another line is none that is new, and the list of them is left as it is."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "settings.py").write_text('KEY = "AKIA' + 'Q7EXAMPLEKEY55ZZ"\n')
    subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    assert audit.secrets(tmp_path, accept=True) == 0
    subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    known = (tmp_path / audit.BASELINE).read_bytes()
    (tmp_path / "settings.py").write_text('REGION = "eu-central-1"\nKEY = "AKIA' + 'Q7EXAMPLEKEY55ZZ"\n')
    assert audit.secrets(tmp_path) == 0
    assert (tmp_path / audit.BASELINE).read_bytes() == known
