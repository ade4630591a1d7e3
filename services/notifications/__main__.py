"""Notifications: mails to customers and to the shop."""

from collections.abc import Sequence
from pathlib import Path

from libs.service.loops import Loop
from libs.service.main import main
from libs.service.service import Context, Service
from services.notifications import routes
from services.notifications.consumers import consumer
from services.notifications.handlers import told
from services.notifications.sender import Sender
from services.notifications.settings import Settings


def loops(context: Context[Settings]) -> Sequence[Loop]:
    """What speaks with the mail server; what consumers are told by the settings is told here."""
    told.tracking_url = context.settings.public_tracking_url or None
    told.sms = context.settings.sms != "off"
    return Sender(context.uow, context.settings).calls.loops()


service = Service(
    name="notifications",
    settings=Settings,
    routers=(routes.router,),
    consumer=consumer,
    loops=loops,
    migrations=Path(__file__).parent / "migrations",
    description="Mails to customers and to the shop: what was written, to whom, and whether it arrived.",
)

if __name__ == "__main__":
    raise SystemExit(main(service))
