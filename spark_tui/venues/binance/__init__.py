"""Binance: signing, error table and one folder a product."""
