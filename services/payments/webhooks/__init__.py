"""What providers tell us by themselves: verified, stored, then taken in."""
