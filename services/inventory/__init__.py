"""Inventory: what is there, what is promised, what left."""
