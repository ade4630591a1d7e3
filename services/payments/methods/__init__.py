"""Payment methods: what a shop offers, and how each moves money."""
