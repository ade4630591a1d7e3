"""A stand-in for FAN Courier."""

from tests.standins.fan.app import FanStandIn

__all__ = ["FanStandIn"]
