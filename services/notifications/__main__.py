"""Notifications: mails to customers and to the shop."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from libs.service.loops import Loop
from libs.service.main import main
from libs.service.personal_routes import personal_router
from libs.service.service import Context, Service
from services.notifications import previews, routes
from services.notifications.bounces import routes as bounces
from services.notifications.consumers import consumer
from services.notifications.erasing import erasing
from services.notifications.handlers import told
from services.notifications.sender import Sender
from services.notifications.settings import Settings
from services.notifications.texter import Texter
from services.notifications.wishes import routes as wishes


def loops(context: Context[Settings]) -> Sequence[Loop]:
    """What speaks with the mail server and the SMS gateway; what consumers are told by the settings is told here."""
    told.tracking_url = context.settings.public_tracking_url or None
    told.sms = context.settings.sms != "off"
    sender = Sender(context.uow, context.settings)
    texter = Texter(context.uow, context.settings, context.http)
    return *sender.calls.loops(), *texter.calls.loops()


service = Service(
    name="notifications",
    settings=Settings,
    routers=(previews.router, routes.router, wishes.router, bounces.router, personal_router("notifications", erasing)),
    consumer=consumer,
    loops=loops,
    migrations=Path(__file__).parent / "migrations",
    pace=timedelta(milliseconds=100),  # a letter may wait that long for the next one
    description="Mails and SMS to customers and to the shop: what was written, to whom, and whether it arrived.",
)

if __name__ == "__main__":
    raise SystemExit(main(service))
