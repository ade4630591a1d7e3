"""Reservations: goods promised to orders."""
