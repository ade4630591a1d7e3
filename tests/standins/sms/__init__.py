"""A stand-in for SMS gateways."""

from tests.standins.sms.app import SmsStandIn

__all__ = ["SmsStandIn"]
