"""Shipping: delivery methods, shipments, labels and tracking."""
