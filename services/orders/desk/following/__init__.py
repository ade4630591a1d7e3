"""The customer's side of an order: what they may see of it, by their account or by a link, and on the page it opens."""
