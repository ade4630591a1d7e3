"""`python -m deploy.acls [show|apply|check]`: each service's rights on Apache Kafka, from system.py.

A service writes the topics it is a producer of, reads those it is a reader of, and nothing else. `apply` and `check`
need EVENTS_BUS and the EVENTS_* settings of an administrator; `show` needs nothing and prints kafka-acls commands.
"""

import argparse
import asyncio
import os
import sys

from deploy.system import SERVICE_NAMES, TOPICS
from libs.events.bus_settings import BusSettings, from_environment
from libs.events.kafka.acls import CLUSTER, Acls, Grant

PRINCIPAL = "User:{service}"


def grants(principal: str = PRINCIPAL) -> set[Grant]:
    """What every service may do; `principal` says how a service's login is called, `{service}` being its name."""
    found = set()
    for service in SERVICE_NAMES:
        who = principal.format(service=service)
        found |= {Grant(who, "group", service, "read"), Grant(who, "group", service, "describe")}
        found.add(Grant(who, "cluster", CLUSTER, "idempotent_write"))
        for topic in TOPICS:
            if service in topic.producers:
                found |= {Grant(who, "topic", topic.name, "write"), Grant(who, "topic", topic.name, "describe")}
            if service in topic.readers:
                found |= {Grant(who, "topic", topic.name, "read"), Grant(who, "topic", topic.name, "describe")}
    return found


def command(grant: Grant) -> str:
    """The same as a command of Kafka's own tool."""
    of = "--cluster" if grant.kind == "cluster" else f"--{grant.kind} {grant.name}"
    operation = "".join(word.capitalize() for word in grant.operation.split("_"))
    return f"kafka-acls.sh --add --allow-principal {grant.principal} --operation {operation} {of}"


async def apply(acls: Acls, wanted: set[Grant]) -> str:
    """Grant what is missing; what is granted beyond it is left for `check` to tell."""
    missing = wanted - await acls.granted({grant.principal for grant in wanted})
    await acls.allow(missing)
    return f"{len(missing)} granted, {len(wanted) - len(missing)} were there"


async def differences(acls: Acls, wanted: set[Grant]) -> list[str]:
    """What is not as it must be, in sentences."""
    present = await acls.granted({grant.principal for grant in wanted})
    lines = [f"missing: {_said(grant)}" for grant in sorted(wanted - present)]
    return lines + [f"too much: {_said(grant)}" for grant in sorted(present - wanted)]


def _said(grant: Grant) -> str:
    return f"{grant.principal} {grant.operation} {grant.kind} {grant.name}"


def main() -> int:
    """0 when all is as it must be, 1 when it is not, 2 when it could not be asked."""
    parser = argparse.ArgumentParser(prog="python -m deploy.acls", description=__doc__)
    parser.add_argument("what", nargs="?", default="show", choices=("show", "apply", "check"))
    parser.add_argument("--principal", default=PRINCIPAL, help="how a service's login is called, as User:CN={service}")
    options = parser.parse_args()
    wanted = grants(options.principal)
    if options.what == "show":
        print("\n".join(command(grant) for grant in sorted(wanted)))
        return 0
    return asyncio.run(_work(options.what, wanted))


async def _work(what: str, wanted: set[Grant]) -> int:
    bus = os.environ.get("EVENTS_BUS", "")
    if not bus.startswith("kafka://"):
        print("EVENTS_BUS must name a Kafka: kafka://host:port,...", file=sys.stderr)
        return 2
    acls = Acls(bus.removeprefix("kafka://").strip("/").split(","), BusSettings(**from_environment()))
    if what == "apply":
        print(await apply(acls, wanted))
    lines = await differences(acls, wanted)
    print("\n".join(lines) or "every service has its own rights and no other")
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
