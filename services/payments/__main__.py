"""Run by `python -m services.payments [all|api|worker|relay|migrate]`."""

from collections.abc import Sequence
from pathlib import Path

from libs.service.loops import Loop
from libs.service.main import main
from libs.service.personal_routes import personal_router
from libs.service.service import Context, Service
from services.payments import routes
from services.payments.calls import provider_calls
from services.payments.consumers import consumer
from services.payments.erasing import erasing
from services.payments.methods import routes as methods
from services.payments.providers.paypal import PayPal
from services.payments.restore import counting, restore
from services.payments.settings import Settings
from services.payments.sweep import looking
from services.payments.unannounced import routes as unannounced
from services.payments.webhooks import routes as webhooks
from services.payments.webhooks.inbox import webhook_inbox


def loops(context: Context[Settings]) -> Sequence[Loop]:
    """The calls to providers, and what they tell us."""
    if not context.settings.uses_paypal:
        return ()
    paypal = PayPal(context.settings, context.http)
    return (
        *provider_calls(context, paypal).loops(),
        *webhook_inbox(context, paypal).loops(),
        looking(context),
        counting(context),
    )


service = Service(
    name="payments",
    settings=Settings,
    routers=(
        routes.router,
        routes.ledger_router,
        methods.router,
        webhooks.router,
        unannounced.router,
        personal_router("payments", erasing),
    ),
    consumer=consumer,
    migrations=Path(__file__).parent / "migrations",
    loops=loops,
    calls=("payment_call",),
    restore=restore,
    description="Payment methods, payments, their operations and the ledger, and what providers tell us.",
)

if __name__ == "__main__":
    raise SystemExit(main(service))
