"""`make run`: the whole system on this machine until Ctrl-C."""

import argparse
import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from deploy.child import CannotStartError
from deploy.supervisor import CHECKOUT, System
from deploy.system import StandIn


def main() -> int:
    """Start, wait for a signal, stop; 1 with the reason when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m deploy.run")
    parser.add_argument("--bus", default="embedded", help="embedded, kafka, or kafka://host:port,...")
    parser.add_argument("--brokers", type=int, default=1, choices=(1, 3), help="of a local Kafka")
    parser.add_argument("--standins", default="1", choices=("0", "1"), help="play PayPal and the courier")
    parser.add_argument("--root", type=Path, default=CHECKOUT / ".local")
    options = parser.parse_args()
    bus = os.environ.get("EVENTS_BUS") or options.bus
    if bus not in ("embedded", "kafka") and not bus.startswith("kafka://"):
        parser.error(f"BUS={bus}: use embedded, kafka, or EVENTS_BUS=kafka://host:port,...")
    system = System(
        options.root,
        bus=bus,
        brokers=options.brokers,
        stand_ins=options.standins == "1",
        postgres_url=os.environ.get("POSTGRES_URL"),
        say=_say,
    )
    try:
        asyncio.run(_run(system))
    except CannotStartError as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    return 0


async def _run(system: System) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    started = time.monotonic()
    _say("Starting ...")
    starting = asyncio.create_task(system.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        _say("\nStopped before everything was there.")
        return
    await starting
    _say(_welcome(system, time.monotonic() - started))
    await stopping
    _say("\nStopping ...")
    await system.stop()
    _say("Stopped; the state is kept in " + str(system.state.root))


def _welcome(system: System, seconds: float) -> str:
    lines = [f"Ready after {seconds:.1f} s, on {_bus(system)}.", ""]
    lines += [f"  {process.name:<14} {system.url(process.name)}   try it: /docs" for process in system.processes]
    lines += ["", "Development keys (Authorization: Bearer KEY):"]
    lines += [f"  {role:<14} {key}" for role, key in system.keys.items()]
    lines += ["", *(f"  {stand_in.name:<14} {system.environment.shown(stand_in)}" for stand_in in _shown(system))]
    lines += ["", f"Logs: {system.state.logs}    Ctrl-C stops everything."]
    return "\n".join(lines)


def _shown(system: System) -> list[StandIn]:
    return [stand_in for stand_in in system.environment.stand_ins if stand_in.shows]


def _bus(system: System) -> str:
    if system.kafka:
        return f"a local Apache Kafka ({system.environment.bus})"
    return "the embedded bus" if system.environment.bus == "embedded" else system.environment.bus


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
