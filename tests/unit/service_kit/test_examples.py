from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, TypeAdapter

from libs.contracts.common import Money
from libs.service.call import Body
from libs.service.examples import example_of


class Line(Body):
    sku: Annotated[str, Field(examples=["mug"])]
    quantity: Annotated[int, Field(ge=3)]
    price: Money


class Order(Body):
    id: UUID
    at: AwareDatetime
    kind: Literal["web", "desk"]
    lines: Annotated[list[Line], Field(min_length=2)]
    parent: "Order | None" = None
    note: Annotated[str | None, Field(examples=["by the door"])] = None
    unspoken: str = ""


def test_an_example_is_a_body_that_the_route_would_take() -> None:
    document: dict[str, Any] = TypeAdapter(Order).json_schema(ref_template="#/components/schemas/{model}")
    schemas = document.pop("$defs")
    example = example_of(document, schemas)
    order = Order.model_validate_json(TypeAdapter(Any).dump_json(example))
    assert (order.lines[1].sku, order.lines[0].quantity, order.note) == ("mug", 3, "by the door")
    assert "unspoken" not in example
