"""The services: each answers one what, with its own database and login."""
