"""Payment providers: one adapter each."""
