"""Every call the venue offers, once: REST and the WebSocket API are two doors to this table."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from spark_tui.simulator.accounts import Account
from spark_tui.simulator.arguments import Arguments
from spark_tui.simulator.errors import ApiError
from spark_tui.simulator.simulation import Simulation

SIGNING = frozenset({"timestamp", "recvWindow", "signature", "apiKey"})


class Call(msgspec.Struct, frozen=True):
    """One request, authenticated when its operation is signed."""

    simulation: Simulation
    arguments: Arguments
    now_ms: int
    account: Account | None = None

    @property
    def market_ms(self) -> int:
        """The time market data is at: the server's, or the recording's in a replay."""
        return self.simulation.market_ms()

    @property
    def holder(self) -> Account:
        """The account of a signed call."""
        if self.account is None:
            raise ApiError(401, -2014, "API-key format invalid.")
        return self.account


Weight = Callable[[Arguments], int]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """`parameters` are the names it reads; `order` calls cost no weight when they succeed."""

    run: Callable[[Call], Any]
    parameters: frozenset[str]
    weight: int | Weight
    signed: bool = False
    order: bool = False

    def cost(self, arguments: Arguments) -> int:
        return self.weight if isinstance(self.weight, int) else self.weight(arguments)

    def check_names(self, values: Mapping[str, str]) -> None:
        """ApiError -1101 or -1104 for parameters the call does not read."""
        known = self.parameters | SIGNING if self.signed else self.parameters
        read = sum(name in known for name in values)
        if read == len(values):
            return
        if not self.parameters:
            text = f"Too many parameters; expected '{read}' and received '{len(values)}'."
            raise ApiError(400, -1101, text)
        text = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(values)}'."
        raise ApiError(400, -1104, text)


def operation(
    run: Callable[[Call], Any],
    parameters: str,
    weight: int | Weight,
    *,
    signed: bool = False,
    order: bool = False,
) -> Operation:
    """`parameters` is a list of names in one text, as a reader of the protocol would write it."""
    return Operation(
        run=run, parameters=frozenset(parameters.split()), weight=weight, signed=signed, order=order
    )
