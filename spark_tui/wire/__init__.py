"""Sockets and HTTP that know no venue: supervisor, backoff, staleness, rate limiter, clock offset."""
