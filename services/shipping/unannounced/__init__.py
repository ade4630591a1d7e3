"""Parcels that a courier has booked and no row here knows of, found after a restore; a person settles each."""
