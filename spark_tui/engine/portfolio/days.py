"""The UTC day that profit and loss count for."""

from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


def day_of(today: date, begun: str) -> str:
    """`begun`: the day that was begun last, empty when none was. A clock that steps back over midnight begins
    no day a second time: what was lost since stays lost."""
    if begun == (today + ONE_DAY).isoformat():
        return begun
    return today.isoformat()
