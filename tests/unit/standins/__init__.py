"""The stand-ins keep the protocols they play."""
