"""Addresses that nothing is sent to any more."""
