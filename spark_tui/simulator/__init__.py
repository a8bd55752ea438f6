"""An exchange on loopback that speaks Binance Spot's wire protocol.

Imports no other room of this package: a mistake both sides shared would be invisible. `server.py` runs it;
`simulation.py` is the venue without sockets, driven by an injected clock and seed.
"""
