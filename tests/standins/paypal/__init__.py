"""A stand-in for PayPal."""

from tests.standins.paypal.app import PayPalStandIn

__all__ = ["PayPalStandIn"]
