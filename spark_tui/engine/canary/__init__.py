"""Canaries: what an order needs, looked at before it matters; one small real order outside live; the evidence
of both; and the arming of live trading, which rests on them."""
