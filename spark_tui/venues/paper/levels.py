"""A level of a book, as what was taken from it is kept by."""

Level = tuple[bool, float]
"""Whether it is among the bids, and its price."""
