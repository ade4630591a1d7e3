"""Texts that a shop writes, with `{variables}` that are filled in when somebody reads them."""

import re
from collections.abc import Mapping

VARIABLES = {
    "order_number": "the order's number",
    "customer_name": "the customer's name",
    "total": "what the order costs",
    "due_on_delivery": "what is paid when it is delivered; empty where nothing is",
    "placed_on": "the day on which it was placed",
    "tracking_link": "the address where the customer follows the order; empty where none is published",
    "awb": "the parcels' numbers",
    "courier_link": "the address where the courier shows the parcel",
    "shop": "the shop's name",
    "comment": "what the operator wrote for this use; empty where nothing was written",
}
"""What a text may name, and what stands there when it is read."""

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def unknown(text: str) -> list[str]:
    """What a text names that is no variable, each once, as it is written; a brace without its partner is one of them.

    Braces that are meant as such are written twice.
    """
    found = {
        piece[0]: None
        for piece in _PIECE.finditer(text)
        if piece[0] not in {"{{", "}}"} and (piece[1] or "") not in VARIABLES
    }
    return list(found)


def named(text: str) -> set[str]:
    """The variables that a text names."""
    return {piece[1] for piece in _PIECE.finditer(text) if piece[1] in VARIABLES}


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables filled in; one that `values` does not have is left empty.

    What is filled in is never looked at again, so that a customer's name can name no variable. Whoever
    shows it escapes it.
    """

    def filled(piece: re.Match[str]) -> str:
        if piece[0] in {"{{", "}}"}:
            return piece[0][0]
        if piece[1] in VARIABLES:
            return values.get(piece[1], "")
        return piece[0]

    return _PIECE.sub(filled, text)
