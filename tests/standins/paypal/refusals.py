"""PayPal's refusals: ``{name, message, debug_id, details: [{issue, ...}], links}``."""

import secrets
from typing import Any

from starlette.responses import JSONResponse

MESSAGES = {
    "INVALID_REQUEST": "Request is not well-formed, syntactically incorrect, or violates schema.",
    "AUTHENTICATION_FAILURE": "Authentication failed due to missing authorization header, or invalid credentials.",
    "RESOURCE_NOT_FOUND": "The specified resource does not exist.",
    "RESOURCE_CONFLICT": "The server has detected a conflict while processing this request.",
    "UNPROCESSABLE_ENTITY": "The requested action could not be performed: incorrect, or failed business validation.",
}
STATUS = {
    "INVALID_REQUEST": 400,
    "AUTHENTICATION_FAILURE": 401,
    "RESOURCE_NOT_FOUND": 404,
    "RESOURCE_CONFLICT": 409,
    "UNPROCESSABLE_ENTITY": 422,
}


class Refused(Exception):  # noqa: N818 - PayPal refuses, nothing of ours is wrong
    """An answer in PayPal's own error shape."""

    def __init__(self, name: str, issue: str, *, field: str | None = None, value: object = None) -> None:
        super().__init__(f"{name}: {issue}")
        self.name, self.issue, self.field, self.value = name, issue, field, value

    def answer(self) -> JSONResponse:
        """The response a caller gets."""
        detail: dict[str, Any] = {"issue": self.issue, "description": f"{self.issue}: this text may change."}
        if self.field is not None:
            detail |= {"field": self.field, "value": str(self.value), "location": "body"}
        debug_id = secrets.token_hex(6)
        body = {
            "name": self.name,
            "message": MESSAGES[self.name],
            "debug_id": debug_id,
            "details": [detail],
            "links": [{"href": f"https://developer.paypal.com/docs/api/orders/v2/#error-{self.issue}",
                       "rel": "information_link", "method": "GET"}],
        }  # fmt: skip
        return JSONResponse(body, STATUS[self.name], headers={"Paypal-Debug-Id": debug_id})


def unprocessable(issue: str, *, field: str | None = None, value: object = None) -> Refused:
    """422: well-formed, but not now, not so, or not with this."""
    return Refused("UNPROCESSABLE_ENTITY", issue, field=field, value=value)


def malformed(issue: str, field: str, value: object = None) -> Refused:
    """400: the request itself is wrong."""
    return Refused("INVALID_REQUEST", issue, field=field, value=value)


def not_found() -> Refused:
    """404: no such resource."""
    return Refused("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
