"""What a channel may sell."""
