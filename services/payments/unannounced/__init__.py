"""Money that a provider moved and no row here knows of, found after a restore; a person settles each."""
