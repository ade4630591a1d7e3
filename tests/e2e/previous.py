"""The code of before, and the code of after with a schema newer than its own, each as a folder that can run."""

import shutil
import subprocess
from pathlib import Path

from deploy.supervisor import CHECKOUT
from deploy.system import SERVICE_NAMES

VERSIONS = ":(glob)services/*/migrations/versions/*.py"
ABLE = "tests/unit/test_whole_rows.py"  # since then an old process bears every column that a newer schema adds
NEXT = '''"""What the next release may do: a column, a table, an index more."""

from alembic import op

revision = "next"
down_revision = "{head}"


def upgrade() -> None:
    op.execute("ALTER TABLE inbox ADD COLUMN tomorrow bigint NOT NULL DEFAULT 7")
    op.execute("ALTER TABLE {busy} ADD COLUMN tomorrow text")
    op.execute("ALTER TABLE outbox ADD COLUMN tomorrow text")
    op.execute("CREATE TABLE tomorrow (id bigint PRIMARY KEY)")
'''
BUSY = {
    "orders": "orders",
    "inventory": "reservation",
    "payments": "payment_call",
    "shipping": "courier_call",
    "notifications": "message",
}
"""The table of each service that is read and written most while an order goes its way."""


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, check=True, text=True).stdout


def previous_commit() -> str | None:
    """The last commit with another schema than now, if processes of it stay ready on a newer one; else the last one.

    None where there is no history: no git, or a clone of one commit.
    """
    if not shutil.which("git") or not (CHECKOUT / ".git").exists():
        return None
    try:
        last = git("rev-parse", "HEAD^").strip()
        able = git("log", "--format=%H", "--diff-filter=A", "HEAD^", "--", ABLE).split()
        if not able:
            return None
        changed = git("log", "--format=%H", f"{able[-1]}..HEAD", "--", VERSIONS).split()
        return git("rev-parse", f"{changed[0]}^").strip() if changed else last
    except subprocess.CalledProcessError:
        return None


def code_of(commit: str, folder: Path) -> Path:
    """That commit's files."""
    packed = folder.with_suffix(".zip")
    git("archive", "--format=zip", "-o", str(packed), commit)
    shutil.unpack_archive(packed, folder)
    return folder


def code_of_after(folder: Path) -> Path:
    """The present files, each service with one migration more, so that there is always something to migrate."""
    ignored = shutil.ignore_patterns(".git", ".venv", ".local", "__pycache__", ".*_cache")
    shutil.copytree(CHECKOUT, folder, ignore=ignored)
    for service in SERVICE_NAMES:
        versions = folder / "services" / service / "migrations" / "versions"
        head = max(file.name.split("_")[0] for file in versions.glob("[0-9]*.py"))
        (versions / "9999_next.py").write_text(NEXT.format(head=head, busy=BUSY[service]))
    return folder
