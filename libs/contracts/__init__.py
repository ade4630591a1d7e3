"""What crosses a wall between services: one file per producing service."""
