"""The engine's log for the operator: a short memory, the faces, and the process's own log."""

import logging
from collections import deque
from collections.abc import Callable

from spark_tui.link.messages import Notice

KEPT = 50
_LEVELS = {"info": logging.INFO, "good": logging.INFO, "warn": logging.WARNING, "bad": logging.ERROR}
_log = logging.getLogger("spark_tui.engine")


class Notices:
    """`__call__(level, text)` is what everyone in the engine is handed as `notify`."""

    def __init__(self, now_ms: Callable[[], int], publish: Callable[[Notice], None]) -> None:
        self.recent: deque[Notice] = deque(maxlen=KEPT)
        self.standing: dict[str, str] = {}  # conditions that last, by what they concern
        self._now_ms = now_ms
        self._publish = publish

    def __call__(self, level: str, text: str) -> None:
        notice = Notice(time_ms=self._now_ms(), level=level, text=text)
        self.recent.append(notice)
        self._publish(notice)
        _log.log(_LEVELS.get(level, logging.INFO), "%s", text)

    def begin(self, subject: str, text: str, level: str = "warn") -> None:
        """A condition that stands until `end`; said once, however often it is found again."""
        if self.standing.get(subject) != text:
            self.standing[subject] = text
            self(level, text)

    def end(self, subject: str, text: str = "") -> None:
        """The condition is over; `text` is said if it ever stood."""
        if self.standing.pop(subject, None) is not None and text:
            self("good", text)
