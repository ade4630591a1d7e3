"""Shipping: delivery methods, shipments, AWBs, labels, tracking."""

from collections.abc import Sequence
from pathlib import Path

from libs.service.loops import Loop
from libs.service.main import main
from libs.service.personal_routes import personal_router
from libs.service.service import Context, Service
from services.shipping import routes
from services.shipping.accounts import routes as accounts
from services.shipping.accounts.loops import sealing_anew
from services.shipping.calls import CourierCalls
from services.shipping.consumers import consumer
from services.shipping.couriers.registry import Couriers
from services.shipping.erasing import erasing
from services.shipping.methods import routes as methods
from services.shipping.restore import counting, restore
from services.shipping.settings import Settings
from services.shipping.strays import Strays
from services.shipping.tracking import routes as tracking_routes
from services.shipping.tracking.loops import Tracking
from services.shipping.unannounced import routes as unannounced


def loops(context: Context[Settings]) -> Sequence[Loop]:
    """Everything that speaks with couriers runs in the worker, through one set of adapters."""
    couriers = Couriers(context.settings, context.http)
    calls = CourierCalls(context.uow, couriers, context.settings)
    tracking = Tracking(context.uow, couriers, context.settings)
    strays = Strays(context.uow, couriers, context.settings)
    return *calls.outside.loops(), *tracking.loops(), strays.loop(), counting(context), sealing_anew(context)


service = Service(
    name="shipping",
    settings=Settings,
    routers=(
        routes.router,
        methods.router,
        accounts.router,
        tracking_routes.router,
        unannounced.router,
        personal_router("shipping", erasing),
    ),
    consumer=consumer,
    loops=loops,
    calls=("courier_call",),
    restore=restore,
    migrations=Path(__file__).parent / "migrations",
    description="Delivery methods, shipments, AWBs, labels and tracking.",
)

if __name__ == "__main__":
    raise SystemExit(main(service))
