"""Reading a request's parameters with the venue's own refusals (protocol 5.1, errors -1100 .. -1151)."""

import re
from collections.abc import Mapping

import msgspec

from spark_tui.simulator import fixed
from spark_tui.simulator.errors import ApiError, illegal, missing

_INTEGER = re.compile(r"[0-9]{1,20}", re.ASCII)
_CLIENT_ID = re.compile(r"[a-zA-Z0-9-_]{1,36}", re.ASCII)
CLIENT_ID_FORM = "^[a-zA-Z0-9-_]{1,36}$"
_DECIMAL_FORM = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
_PRECISION = 8


class Arguments:
    """One request's parameters by name, all text as sent."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def has(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        """A mandatory parameter; ApiError -1102 when absent, -1105 when empty."""
        value = self._values.get(name)
        if value is None:
            raise missing(name)
        if not value:
            raise ApiError(400, -1105, f"Parameter '{name}' was empty.")
        return value

    def optional(self, name: str) -> str | None:
        return self.text(name) if name in self._values else None

    def integer(self, name: str) -> int | None:
        value = self.optional(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value):
            raise illegal(name, "^[0-9]{1,20}$")
        return int(value)

    def decimal(self, name: str) -> int:
        """Units of 1e-8, 0 when absent; ApiError -1100 for anything but a plain decimal, -1111 for too
        many places, -1102 for zero where a number was sent."""
        value = self.optional(name)
        if value is None:
            return 0
        if not fixed.is_plain(value):
            raise illegal(name, _DECIMAL_FORM)
        if fixed.places(value) > _PRECISION:
            raise ApiError(400, -1111, f"Parameter '{name}' has too much precision.")
        number = fixed.parse(value)
        if not number and name != "stopPrice":
            raise ApiError(400, -1013, f"Invalid {name}.")
        return number

    def limit(self, default: int, largest: int) -> int:
        """`limit`, capped; ApiError -1130 for zero."""
        value = self.integer("limit")
        if value is None:
            return default
        if value < 1:
            raise ApiError(400, -1130, "Data sent for parameter 'limit' is not valid.")
        return min(value, largest)

    def choice(self, name: str, options: Mapping[str, str], error: ApiError) -> str:
        value = self.text(name)
        if value not in options:
            raise error
        return options[value]

    def client_id(self, name: str) -> str | None:
        value = self.optional(name)
        if value is not None and not _CLIENT_ID.fullmatch(value):
            raise illegal(name, CLIENT_ID_FORM)
        return value

    def flag(self, name: str) -> bool:
        value = self.optional(name)
        if value is None:
            return False
        if value.lower() not in ("true", "false"):
            raise ApiError(400, -1130, f"Data sent for parameter '{name}' is not valid.")
        return value.lower() == "true"

    def symbols(self) -> list[str] | None:
        """`symbol` or `symbols` (a JSON array) as a list; None when neither is sent."""
        if self.has("symbol") and self.has("symbols"):
            raise ApiError(400, -1128, "Combination of optional parameters invalid.")
        if self.has("symbol"):
            return [self.text("symbol")]
        if not self.has("symbols"):
            return None
        try:
            names = msgspec.json.decode(self.text("symbols"), type=list[str])
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise ApiError(400, -1135, "Invalid JSON Request") from None
        if not names:
            raise ApiError(400, -1105, "Parameter 'symbols' was empty.")
        if len(set(names)) != len(names):
            raise ApiError(400, -1151, "Symbol is present multiple times in the list.")
        return names
