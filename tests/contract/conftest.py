"""Fixtures of the contract tests."""

from tests.contract.bus_world import fragile, own_server, world

__all__ = ["fragile", "own_server", "world"]
