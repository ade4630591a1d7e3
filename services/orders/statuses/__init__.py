"""Statuses: what a shop calls where its orders are, as data; the entries that apply them; rules that do it."""
