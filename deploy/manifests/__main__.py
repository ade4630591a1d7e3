"""`python -m deploy.manifests`: write compose.yaml, k8s/base, alerts and board anew; `--check` only compares."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from deploy.manifests import alerts, board, compose, kubernetes

DEPLOY = Path(__file__).parent.parent
HEAD = "# Written by `make docs` from deploy/system.py; change that, or deploy/manifests.\n"


class Plain(yaml.SafeDumper):
    """Lists indented, no anchors: what people write."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the parent's signature
        """Every value is written out."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ARG002, FBT001, FBT002
        """Items stand below their name, two columns in."""
        return super().increase_indent(flow, indentless=False)


def written() -> dict[Path, str]:
    """Every generated file and what must stand in it."""
    found = {
        Path("compose.yaml"): [compose.one_broker()],
        Path("compose.three-brokers.yaml"): [compose.three_brokers()],
    }
    found |= {Path("k8s/base") / name: manifests for name, manifests in kubernetes.files().items()}
    found[Path("k8s/overlays/example/ingress.yaml")] = kubernetes.ingress()
    found[Path("prometheus/alerts.yaml")] = [alerts.rules()]
    texts = {DEPLOY / path: HEAD + _dumped(manifests) for path, manifests in found.items()}
    return texts | {DEPLOY / "grafana" / "comanda.json": json.dumps(board.board(), indent=1) + "\n"}


def stale() -> dict[Path, str]:
    """The files that are not what they must be, with what they must be."""
    return {path: text for path, text in written().items() if not path.exists() or path.read_text() != text}


def _dumped(manifests: list[dict[str, Any]]) -> str:
    text: str = yaml.dump_all(manifests, Dumper=Plain, sort_keys=False, width=120, allow_unicode=True)
    return text


def main() -> int:
    """Write or compare; 1 when something is stale."""
    parser = argparse.ArgumentParser(prog="python -m deploy.manifests")
    parser.add_argument("--check", action="store_true", help="write nothing, fail where something is stale")
    check = parser.parse_args().check
    found = stale()
    for path, text in found.items():
        if check:
            print(f"{path.relative_to(DEPLOY.parent)} is stale: make docs", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(path.relative_to(DEPLOY.parent))
    return 1 if check and found else 0


if __name__ == "__main__":
    raise SystemExit(main())
