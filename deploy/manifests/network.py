"""Who may open connections to whom: nobody, but for what stands here."""

from collections.abc import Iterator
from typing import Any

from deploy.manifests.plan import PORT
from deploy.system import SERVICE_NAMES

POSTGRES, KAFKA, DNS, HTTPS = 5432, 9093, 53, 443
MAIL = (25, 465, 587)
OUTSIDE = {"payments": (HTTPS,), "shipping": (HTTPS,), "notifications": (*MAIL, HTTPS)}
"""A provider, couriers, a mail server and an SMS gateway."""
IDENTITY = ("api",)  # reads the keys of whoever signs the tokens
PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]

Manifest = dict[str, Any]


def policies() -> Iterator[Manifest]:
    """Deny all, then allow: the ingress to the APIs, Prometheus to all, all to PostgreSQL, Kafka and names."""
    yield _policy("deny-all", {}, {"policyTypes": ["Ingress", "Egress"]})
    yield _policy("take-requests", {"app.kubernetes.io/component": "api"}, _from("ingress"))
    yield _policy("take-scrapes", {}, _from("monitoring"))
    stores = [
        {"to": [{"namespaceSelector": {}}], "ports": [_port(DNS, "UDP"), _port(DNS)]},
        {"ports": [_port(POSTGRES), _port(KAFKA)]},
    ]
    yield _policy("reach-stores", {}, {"policyTypes": ["Egress"], "egress": stores})
    for kind in IDENTITY:
        yield _policy("reach-identity-provider", {"app.kubernetes.io/component": kind}, _to_outside((HTTPS,)))
    for service in SERVICE_NAMES:
        if service in OUTSIDE:
            marks = {"app.kubernetes.io/name": service}
            yield _policy(f"{service}-reaches-outside", marks, _to_outside(OUTSIDE[service]))


def _from(what: str) -> Manifest:
    """From the namespaces that carry the label `comanda.dev/WHAT: "true"`."""
    peer = {"namespaceSelector": {"matchLabels": {f"comanda.dev/{what}": "true"}}}
    return {"policyTypes": ["Ingress"], "ingress": [{"from": [peer], "ports": [_port(PORT)]}]}


def _to_outside(ports: tuple[int, ...]) -> Manifest:
    """To the world, and not to neighbours."""
    world = {"ipBlock": {"cidr": "0.0.0.0/0", "except": PRIVATE}}
    return {"policyTypes": ["Egress"], "egress": [{"to": [world], "ports": [_port(port) for port in ports]}]}


def _port(number: int, protocol: str = "TCP") -> Manifest:
    return {"protocol": protocol, "port": number}


def _policy(name: str, marks: dict[str, str], spec: Manifest) -> Manifest:
    chosen = {"podSelector": {"matchLabels": marks} if marks else {}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": chosen | spec,
    }
