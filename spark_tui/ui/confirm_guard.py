"""When a key press in a dialog counts as a decision. Pure; the dialog feeds it keys and the time.

The rules: nothing counts while the hand may still be on the key that opened the dialog; Enter and the opening
key never confirm; a pasted or auto-repeated burst is no decision, and whether a key begins one shows a moment
later; Esc always cancels; and time runs out.
"""

from dataclasses import dataclass
from enum import Enum, auto

SETTLE_S = 0.4  # keys ignored after opening
QUIET_S = 0.15  # and until the keyboard was quiet this long
BURST_S = 0.02  # no hand types two keys this close together
ALONE_S = 0.05  # a key that decides must stand alone so long


class Answer(Enum):
    IGNORED = auto()
    TYPING = auto()  # part of the phrase was accepted
    DECIDING = auto()  # confirmed, unless another key comes within ALONE_S
    CANCELED = auto()


@dataclass(slots=True)
class ConfirmGuard:
    """`keys`: those that decide at once; empty when `phrase` must be typed instead."""

    keys: frozenset[str]
    phrase: str
    opening_keys: frozenset[str]
    opened_s: float
    expires_s: float
    typed: str = ""
    decision: str = ""  # the key or phrase that confirms once it stood alone
    _last_s: float = 0.0
    _settled: bool = False

    def __post_init__(self) -> None:
        forbidden = {"enter", *self.opening_keys} & self.keys
        if forbidden:
            raise ValueError(f"{sorted(forbidden)[0]} must not confirm what it opened")
        self._last_s = self.opened_s

    def left_s(self, now_s: float) -> float:
        """Seconds until the offer ends."""
        return max(0.0, self.opened_s + self.expires_s - now_s)

    def settling(self, now_s: float) -> bool:
        return not self._settled and now_s - self.opened_s < SETTLE_S

    def press(self, key: str, character: str | None, now_s: float) -> Answer:
        since, self._last_s = now_s - self._last_s, now_s
        burst_s, self.decision = (ALONE_S if self.decision else BURST_S), ""
        if key == "escape":
            return Answer.CANCELED
        if not self._settled:
            if now_s - self.opened_s < SETTLE_S or since < QUIET_S:
                return Answer.IGNORED
            self._settled = True
        elif since < burst_s:
            self.typed, self._settled = "", False
            self.opened_s, self.expires_s = now_s, self.left_s(now_s)
            return Answer.IGNORED
        if key in self.keys:
            self.decision = key
            return Answer.DECIDING
        return self._type(key, character)

    def _type(self, key: str, character: str | None) -> Answer:
        if not self.phrase:
            return Answer.IGNORED
        if key == "backspace":
            self.typed = self.typed[:-1]
        elif character and self.phrase.startswith((self.typed + character).upper()):
            self.typed += character.upper()
        else:
            return Answer.IGNORED
        if self.typed != self.phrase:
            return Answer.TYPING
        self.decision = self.phrase
        return Answer.DECIDING
