"""Balances: free and locked, and where every unit is. Amounts are whole numbers of 1e-8."""

from collections import defaultdict

import msgspec

from spark_tui.simulator.errors import insufficient_balance

STARTING_BALANCES = {"USDT": 100_000, "BTC": 2, "ETH": 25, "BNB": 100, "TRY": 2_500_000}
STANDARD_RATE = 100_000  # 0.1 %, the venue's entry tier


class Balance(msgspec.Struct):
    free: int = 0
    locked: int = 0


class Account:
    """One trading account. Rates are units of 1e-8 of the received asset."""

    def __init__(self, uid: int, *, maker_rate: int = STANDARD_RATE, taker_rate: int = STANDARD_RATE) -> None:
        self.uid = uid
        self.maker_rate = maker_rate
        self.taker_rate = taker_rate
        self.balances: dict[str, Balance] = {}
        self.updated_ms = 0

    def balance(self, asset: str) -> Balance:
        found = self.balances.get(asset)
        if found is None:
            found = self.balances[asset] = Balance()
        return found

    def lock(self, asset: str, amount: int) -> None:
        """Move free to locked; ApiError -2010 when there is not enough."""
        balance = self.balance(asset)
        if balance.free < amount:
            raise insufficient_balance()
        balance.free -= amount
        balance.locked += amount

    def unlock(self, asset: str, amount: int) -> None:
        balance = self.balance(asset)
        balance.locked -= amount
        balance.free += amount


class Vault:
    """What the venue holds beside accounts: the crowd's net position and the fees taken. With them the
    sum over every holder of an asset never changes."""

    def __init__(self) -> None:
        self.crowd: defaultdict[str, int] = defaultdict(int)
        self.fees: defaultdict[str, int] = defaultdict(int)
