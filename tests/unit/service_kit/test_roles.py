import pytest

from libs.service.call import needs
from libs.service.roles import ROLES, SCOPES, scopes_of


def test_a_role_that_does_not_exist_gives_nothing() -> None:
    assert scopes_of(["root"], ["everything:always"]) == frozenset()


def test_a_route_cannot_ask_for_a_scope_that_nobody_has() -> None:
    with pytest.raises(ValueError, match="orders:wriet"):
        needs("orders:wriet")


def test_a_customer_and_dashboards_change_nothing_of_the_merchants() -> None:
    changing = {scope for scope in SCOPES if scope.endswith((":write", ":place", ":import", ":refund"))}
    assert not changing & (ROLES["customer"] | ROLES["dashboards"])
    assert "payments:refund" in ROLES["manager"] - ROLES["operator"]
