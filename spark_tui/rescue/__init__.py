"""The kill process: cancels everything, and flattens where asked, when no engine is alive to do it.

It stands on the venues' own adapters alone: no engine, ledger, screen or metrics.
"""
