"""Paper twins: beside every order that is sent, what the paper rules make of it from the same book and
trades. Nothing here can touch an order: it only listens."""

from spark_tui.engine.twin.bench import TwinBench

__all__ = ["TwinBench"]
