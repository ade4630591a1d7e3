"""Notifications: what customers and merchants are told."""
