"""What the shop wishes: its own texts, and what is sent at all."""
