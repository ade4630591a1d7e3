"""What shows and proves the system from outside, by its public interfaces, as a stranger could have written it."""
