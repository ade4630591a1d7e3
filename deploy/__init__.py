"""The whole system as data, and what starts it."""
