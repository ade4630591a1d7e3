"""A stand-in for a mail server."""

from tests.standins.smtp.app import SmtpStandIn

__all__ = ["SmtpStandIn"]
