"""python -m services.inventory [all|api|worker|relay|migrate]."""

from collections.abc import Sequence
from pathlib import Path

from libs.service.loops import Loop
from libs.service.main import main
from libs.service.service import Context, Service
from services.inventory.availability import handlers as availability
from services.inventory.availability import routes as availability_routes
from services.inventory.catalogue import routes as catalogue_routes
from services.inventory.consumers import consumer
from services.inventory.reservations import handlers as reservations
from services.inventory.reservations import routes as reservations_routes
from services.inventory.settings import Settings
from services.inventory.stock import routes as stock_routes


def loops(context: Context[Settings]) -> Sequence[Loop]:
    """Serving those who wait when goods come, and publishing what may be sold."""
    every = context.settings.look_every
    return (
        Loop("waiting", every, lambda: reservations.serve_waiting(context.uow), context.wake["waiting"]),
        Loop(
            "availability",
            every,
            lambda: availability.publish(context.uow, context.settings.publish_every),
            context.wake["availability"],
        ),
    )


service = Service(
    name="inventory",
    settings=Settings,
    routers=(catalogue_routes.router, stock_routes.router, reservations_routes.router, availability_routes.router),
    consumer=consumer,
    migrations=Path(__file__).parent / "migrations",
    loops=loops,
    description="What is there, what of it is promised to which order, and what may be sold.",
)

if __name__ == "__main__":
    raise SystemExit(main(service))
