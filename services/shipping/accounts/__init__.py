"""Courier accounts: contracts with couriers, their senders, credentials and callback secrets."""
