"""Couriers: one port, one adapter each."""
