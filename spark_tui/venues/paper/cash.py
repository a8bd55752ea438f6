"""Strict cash: nothing is spent that is not there, and what is locked is counted once."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from spark_tui.domain.account import Balance
from spark_tui.domain.decimals import EXACT, ZERO, add


class ShortOfCash(Exception):
    """The account has less free than that."""


class Cash:
    """Free and locked amounts by asset. Neither is ever negative; `dirty` names what changed since it was
    last emptied."""

    def __init__(self, balances: Iterable[Balance] = ()) -> None:
        self._free: dict[str, Decimal] = {}
        self._locked: dict[str, Decimal] = {}
        self.dirty: set[str] = set()
        for balance in balances:
            self._free[balance.asset], self._locked[balance.asset] = balance.free, balance.locked

    def free(self, asset: str) -> Decimal:
        return self._free.get(asset, ZERO)

    def locked(self, asset: str) -> Decimal:
        return self._locked.get(asset, ZERO)

    def balance(self, asset: str) -> Balance:
        return Balance(asset=asset, free=self.free(asset), locked=self.locked(asset))

    def balances(self) -> tuple[Balance, ...]:
        return tuple(self.balance(asset) for asset in sorted(self._free.keys() | self._locked.keys()))

    def lock(self, asset: str, amount: Decimal) -> None:
        """Raises ShortOfCash."""
        if amount > self.free(asset):
            raise ShortOfCash(asset)
        self._move(asset, EXACT.minus(amount), amount)

    def unlock(self, asset: str, amount: Decimal) -> None:
        """Give back what was locked."""
        if amount > self.locked(asset):
            raise AssertionError(f"{amount} {asset} to unlock, {self.locked(asset)} are locked")
        self._move(asset, amount, EXACT.minus(amount))

    def spend(self, asset: str, amount: Decimal) -> None:
        """Pay out of what is locked."""
        if amount > self.locked(asset):
            raise AssertionError(f"{amount} {asset} to pay, {self.locked(asset)} are locked")
        self._move(asset, ZERO, EXACT.minus(amount))

    def receive(self, asset: str, amount: Decimal) -> None:
        self._move(asset, amount, ZERO)

    def begin_again(self, amounts: Mapping[str, Decimal]) -> None:
        """Exactly these amounts, all free; every other asset is emptied."""
        self.dirty |= self._free.keys() | self._locked.keys() | amounts.keys()
        self._free = dict.fromkeys(self.dirty, ZERO) | dict(amounts)
        self._locked = {}

    def _move(self, asset: str, free: Decimal, locked: Decimal) -> None:
        self._free[asset] = add(self.free(asset), free)
        self._locked[asset] = add(self.locked(asset), locked)
        self.dirty.add(asset)
