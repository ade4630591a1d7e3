"""SMS gateways: one port, an adapter each."""
