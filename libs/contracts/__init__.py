"""What crosses a wall: a plain file for each service that speaks (orders has three), and `common`."""

from importlib import import_module

from libs.events.contract import Event

SPEAKERS = ("common", "orders", "statuses", "customers", "inventory", "payments", "shipping", "notifications")


def every_contract() -> tuple[type[Event], ...]:
    """Every concrete contract there is, by topic."""
    found = {
        thing.topic: thing
        for speaker in SPEAKERS
        for thing in vars(import_module(f"libs.contracts.{speaker}")).values()
        if isinstance(thing, type) and issubclass(thing, Event) and "topic" in vars(thing)
    }
    return tuple(found[topic] for topic in sorted(found))
