"""`python -m services.orders [all|api|worker|relay|migrate|rebuild-lists|verify-audit]`."""

from collections.abc import Sequence
from pathlib import Path

from libs.service.loops import Loop
from libs.service.main import main
from libs.service.service import Command, Context, Service
from services.orders.channels import routes as channels
from services.orders.consumers import consumer
from services.orders.customers import erasing
from services.orders.customers import routes as customers
from services.orders.desk import (
    counters,
    export_person,
    export_routes,
    filling,
    list_routes,
    rebuilding,
    stream,
    views_routes,
    watch_routes,
)
from services.orders.desk import routes as desk
from services.orders.desk.following import public
from services.orders.desk.following import routes as following
from services.orders.lifecycle import audit_routes, auditing, deadline_routes, deadlines
from services.orders.lifecycle import routes as lifecycle
from services.orders.placing import routes as placing
from services.orders.profit import routes as profit
from services.orders.profit import settings_routes as profit_settings
from services.orders.schema import TABLES  # noqa: F401 - what is erased is found in all of them
from services.orders.settings import Settings
from services.orders.statuses import definition_routes, entry_routes, process_routes, rule_routes


def loops(context: Context[Settings]) -> Sequence[Loop]:
    """The timers of orders."""
    every = context.settings.deadlines_every
    return (
        deadlines.loop(context.uow, every),
        deadlines.late_loop(context.uow, every),
        erasing.loop(context),
        counters.loop(context.uow, context.settings.counters_every),
        filling.loop(context.uow, context.settings.lists_checked_every),
    )


service = Service(
    name="orders",
    settings=Settings,
    routers=(
        placing.router,
        stream.router,  # before `/v1/orders/{order_id}`, which takes every other word
        list_routes.router,
        export_routes.router,
        views_routes.router,
        desk.router,
        following.router,
        public.router,
        watch_routes.router,
        lifecycle.router,
        deadline_routes.router,
        audit_routes.router,
        profit.router,
        profit_settings.router,
        customers.router,
        export_person.router,
        channels.router,
        entry_routes.router,
        rule_routes.router,
        process_routes.router,
        definition_routes.router,  # last of its prefix: its `{status_id}` takes every other word
    ),
    consumer=consumer,
    migrations=Path(__file__).parent / "migrations",
    loops=loops,
    feed=("order.created",),
    commands={
        "rebuild-lists": Command(rebuilding.rebuild),
        "verify-audit": Command(auditing.verify, {"order": "the number of the one order to look at"}),
    },
    description="Orders, customers, channels, sellers and API keys.",
)

if __name__ == "__main__":
    raise SystemExit(main(service))
