"""What people and programs read of orders: lists, one order whole, its timeline, and the feed of new ones."""
