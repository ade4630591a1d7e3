"""Labels that we draw ourselves."""
