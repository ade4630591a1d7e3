"""Orders: from the click to completion."""
