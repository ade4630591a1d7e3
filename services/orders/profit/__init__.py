"""What an order earned: its costs, its report, and whether it may complete."""
