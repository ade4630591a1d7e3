"""A page of a list is put together without a model, and is the model's own JSON."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg.pgproto.pgproto as driver
import pytest

from libs.contracts.statuses import StatusActions, StatusTrack, StatusType
from services.orders.desk.list_out import ListPage, page_json
from services.orders.statuses.domain import Definition, Text

PLACED = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)


def row(**given: Any) -> dict[str, Any]:
    """As the driver reads one."""
    found = {
        "id": driver.UUID(uuid4().hex), "number": "RO-2026-1", "version": 3, "channel": "web", "external_id": None,
        "placed_at": PLACED, "historic": False, "lifecycle": "open", "stock": "pending", "payment": "pending",
        "fulfilment": "none", "cancel_request": None, "cancel_reason": None, "currency": "RON", "total": 9505,
        "customer_id": None, "name": 'Ștefan "Ana" \u2028', "holds": [], "overdue": [], "awbs": [], "indicator": None,
        "updated_at": PLACED.replace(microsecond=0), "due_at": None, "standing": [],
    }  # fmt: skip
    return found | given


STATUS = Definition(
    uuid4(), 1, "packing", StatusTrack.ORDER, StatusType.PROCESSING, "#ffcc00", None, StatusActions(), 1,
    archived=False, texts={"ro": Text("Se împachetează", "", "")},
)  # fmt: skip
FULL = {
    "external_id": "W-1", "lifecycle": "cancelled", "stock": "reserved", "payment": "due_on_delivery",
    "fulfilment": "partly_shipped", "cancel_request": "customer", "cancel_reason": "out_of_stock", "currency": "JPY",
    "total": -5, "customer_id": driver.UUID(uuid4().hex), "name": None, "holds": ["fraud", "loss"], "historic": True,
    "overdue": ["payment"], "awbs": ["A-1"], "indicator": "late", "due_at": PLACED, "standing": [STATUS.id],
}  # fmt: skip


@pytest.mark.parametrize("rows", [[], [row()], [row(**FULL)], [row(), row(**FULL), row(**FULL)]])
@pytest.mark.parametrize("cursors", [(None, None), ("abc", "def")])
def test_a_page_is_the_models_own_json(rows: list[dict[str, Any]], cursors: tuple[str | None, str | None]) -> None:
    found = page_json(rows, {STATUS.id: STATUS}, "ro", *cursors)
    model = ListPage.model_validate_json(found)
    assert model.model_dump_json().encode() == found
    assert [each.statuses[0].name for each in model.items if each.statuses] == ["Se împachetează"] * sum(
        bool(each["standing"]) for each in rows
    )
