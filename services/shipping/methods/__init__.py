"""Delivery methods and their flat tariffs."""
