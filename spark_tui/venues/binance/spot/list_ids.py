"""Which order list a number stands for: executions and queries name a leg's list only by its number."""

from collections import OrderedDict

MAX_LISTS = 4_096  # a symbol may have 20 open lists


class ListIds:
    """Client ids of order lists by the venue's number; the longest unused are forgotten first.

    A client id may come again once its list is done, a number never does.
    """

    def __init__(self, most: int = MAX_LISTS) -> None:
        self._names: OrderedDict[int, str] = OrderedDict()
        self._most = most

    def learn(self, number: int, client_id: str) -> None:
        """From a list's own answer or event."""
        if number < 0 or not client_id:
            return
        self._names[number] = client_id
        self._names.move_to_end(number)
        while len(self._names) > self._most:
            self._names.popitem(last=False)

    def name(self, number: int) -> str:
        """The list's client id; "" for an order without a list, and for a list not heard of."""
        if number not in self._names:
            return ""
        self._names.move_to_end(number)
        return self._names[number]
