"""A service of a few lines, for the tests of the kit: it keeps mugs."""
