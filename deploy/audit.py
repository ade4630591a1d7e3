"""`python -m deploy.audit packages|secrets`: known holes in what we depend on, and secrets in what we publish.

`packages` asks the vulnerability service that pip-audit uses; where it cannot be reached, that is said, loudly, and is
not taken for a yes. `secrets` compares every tracked file with `.secrets.baseline`, which lists what was looked at and
is none: passwords of tests, names of keys. `secrets --accept` writes that list anew.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
BASELINE = ".secrets.baseline"
LEFT_OUT = "LEFT OUT"
NO_TEXT = (".lock", ".gz", ".ttf", ".svg", ".png", BASELINE)  # hashes and pictures
GENERATED = ("docs/api/", "tests/contract/golden/", "deploy/grafana/")  # from sources that are looked at


def main() -> int:
    """Do what is asked for; 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m deploy.audit")
    commands = parser.add_subparsers(required=True, dest="command")
    packages_ = commands.add_parser("packages", help="known vulnerabilities of the locked packages")
    packages_.add_argument("lock", nargs="?", default="requirements.lock", type=Path)
    packages_.add_argument("--osv-url", help="ask this OSV service instead of the package index")
    secrets_ = commands.add_parser("secrets", help="secrets in tracked files")
    secrets_.add_argument("--accept", action="store_true", help="what is found now is none: write the list anew")
    options = parser.parse_args()
    return (
        packages(options.lock, options.osv_url)
        if options.command == "packages"
        else secrets(CHECKOUT, accept=options.accept)
    )


def packages(lock: Path, osv_url: str | None = None) -> int:
    """Every locked package against the database of known vulnerabilities."""
    command = [sys.executable, "-m", "pip_audit", "-r", str(lock), "--no-deps", "--disable-pip", "-f", "json"]
    command += ["-s", "osv", "--osv-url", osv_url] if osv_url else []
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        print(f"{LEFT_OUT}: pip-audit could not ask anybody:\n{done.stderr[-1000:]}")
        return 0
    holes = [(each["name"], each["version"], hole) for each in found for hole in each.get("vulns", ())]
    for name, version, hole in holes:
        print(f"{name} {version}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version yet'}")
    if skipped := [each["name"] for each in found if "skip_reason" in each]:
        print(f"{LEFT_OUT}: {len(skipped)} of {len(found)} packages: the vulnerability service did not know or answer")
    return 1 if holes else 0


def secrets(checkout: Path, *, accept: bool = False) -> int:
    """Every tracked text file against the list of what is no secret."""
    listed = subprocess.run(["git", "ls-files"], cwd=checkout, capture_output=True, text=True, check=True).stdout
    files = [name for name in listed.splitlines() if not name.endswith(NO_TEXT) and not name.startswith(GENERATED)]
    program = str(Path(sys.executable).with_name("detect-secrets"))
    if accept:
        found = subprocess.run(
            [program, "scan", "--no-verify", *files], cwd=checkout, stdout=subprocess.PIPE, text=True, check=True
        )
        (checkout / BASELINE).write_text(found.stdout)
        return 0
    with tempfile.TemporaryDirectory() as folder:  # the hook writes moved lines into the list: a check changes nothing
        known = shutil.copy(checkout / BASELINE, folder)
        command = [f"{program}-hook", "--no-verify", "--baseline", known, *files]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    moved = 3  # the hook's word for: nothing new, lines of the list moved
    if done.returncode not in (0, moved):
        print(f"{done.stdout}{done.stderr}\nNo secret? python -m deploy.audit secrets --accept")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
