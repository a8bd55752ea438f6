"""Work in the background of which only the latest counts."""

from collections.abc import Callable, Coroutine
from typing import Any

from textual.dom import DOMNode
from textual.worker import Worker


def latest(node: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> None:
    """Begin `work`, in place of what that group is still at. The function, not its coroutine: one that is
    replaced before it began must not be left unawaited."""
    _: Worker[None] = node.run_worker(work, group=group, exclusive=True)
