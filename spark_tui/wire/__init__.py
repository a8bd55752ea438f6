"""Sockets and HTTP that know no venue.

clock (time as an argument, the server's clock), backoff, staleness, limiter (weight, attempts, messages),
http (one client), transport (the seam under a socket), session (one connection), socket (one always there).
"""
