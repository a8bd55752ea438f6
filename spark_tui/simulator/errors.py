"""The venue's refusals: HTTP status, code and text (protocol sections 5.2 and 12)."""

from typing import Any


class ApiError(Exception):
    """One refusal, the same over REST and the WebSocket API.

    `data` goes out beside code and text; `retry_after_s` becomes the Retry-After header, or an absolute
    time on the WebSocket API.
    """

    def __init__(
        self,
        status: int,
        code: int,
        text: str,
        *,
        data: dict[str, Any] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {text}")
        self.status = status
        self.code = code
        self.text = text
        self.data = data
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"code": self.code, "msg": self.text}
        if self.data is not None:
            answer["data"] = self.data
        return answer


def illegal(name: str, legal: str) -> ApiError:
    return ApiError(400, -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def missing(name: str) -> ApiError:
    text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return ApiError(400, -1102, text)


def not_required(name: str) -> ApiError:
    return ApiError(400, -1106, f"Parameter '{name}' sent when not required.")


def check_time_unit(unit: str | None) -> None:
    """ApiError -1194 for a time unit other than milliseconds; this simulator serves no microseconds."""
    if unit is not None and unit.upper() != "MILLISECOND":
        raise ApiError(400, -1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")


def combination() -> ApiError:
    return ApiError(400, -1128, "Combination of optional parameters invalid.")


def filter_failure(name: str) -> ApiError:
    return ApiError(400, -1013, f"Filter failure: {name}")


def new_order_rejected(text: str) -> ApiError:
    return ApiError(400, -2010, text)


def cancel_rejected(text: str) -> ApiError:
    return ApiError(400, -2011, text)


def amend_rejected(text: str) -> ApiError:
    return ApiError(400, -2038, text)


def insufficient_balance() -> ApiError:
    return new_order_rejected("Account has insufficient balance for requested action.")


def no_such_order() -> ApiError:
    return ApiError(400, -2013, "Order does not exist.")


def bad_symbol() -> ApiError:
    return ApiError(400, -1121, "Invalid symbol.")
