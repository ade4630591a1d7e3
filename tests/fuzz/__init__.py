"""Strangers at every door: Schemathesis over the whole system while it runs."""
