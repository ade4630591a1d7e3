"""Who orders: one customer for one person, as far as that can be known without opening anybody's history."""
