"""The kernel: how facts travel from one service's transaction to another's, once."""
