"""The only writer of trading state."""
