"""Client order ids: a function of (run, intent number), valid for the venue and never used twice."""

import random
from collections.abc import Container

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_RUN_BITS = 40


def base36(number: int) -> str:
    """`number` >= 0 in lower-case base 36."""
    digits = ""
    while number or not digits:
        number, remainder = divmod(number, 36)
        digits = _DIGITS[remainder] + digits
    return digits


def draw_run(rng: random.Random, used: Container[str]) -> str:
    """A run id no earlier run in the ledger carries."""
    while (run := base36(rng.getrandbits(_RUN_BITS))) in used:
        continue
    return run


def client_order_id(run: str, intent: int) -> str:
    """At most 36 characters of [a-zA-Z0-9-]: 2 + 8 (40 bits) + 1 leave 25 digits for the intent number."""
    return f"sp{run}-{intent}"


class Identities:
    """Hands out one run's ids, counting from 1."""

    def __init__(self) -> None:
        self.run = ""
        self._last = 0

    def begin(self, run: str) -> None:
        """Before the first id: the run that this engine start is."""
        self.run = run

    def peek(self) -> str:
        """What `next` will give."""
        return client_order_id(self.run, self._last + 1)

    def next(self) -> str:
        self._last += 1
        return client_order_id(self.run, self._last)
