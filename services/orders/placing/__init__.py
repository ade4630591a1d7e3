"""The way in: what a shop or a marketplace submits, judged, and taken in a fixed number of statements."""
