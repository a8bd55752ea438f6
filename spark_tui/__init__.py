"""A terminal cockpit for people who trade from a keyboard."""
