"""Orders worked by the engine: TWAP, iceberg and trailing stop.

`state` is what an algo is, folded from the ledger alone; `core.step` decides what it does next; `plan` makes
it from what was asked; `runner` joins it to the engine. Its orders are children: ordinary orders that pass
the one gate, with the algo's id as `parent` and a key that numbers them, so that a restart never doubles one.
"""
