"""Binance Spot: codecs, market streams, order entry, user data."""
