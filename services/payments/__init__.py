"""Payments: methods, operations and the ledger."""
