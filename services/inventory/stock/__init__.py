"""Stock levels and their ledger of movements."""
