"""Writes docs/keys.md from the cockpit's action table: `python docs/keys.py`."""

import sys
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the tree this lies in, not one that happens to be installed

from spark_tui.ui.actions import ACTIONS, EVERYWHERE, Action  # noqa: E402
from spark_tui.ui.keys import spoken  # noqa: E402

HEAD = """# Keys

Made from the action table by `python docs/keys.py`; do not edit by hand.

Every key works inside tmux and in plain terminals. In the cockpit `?` shows this list, and `:` finds any
action by name. Those with parameters also run from the shell: `spark-tui do ACTION key=value ...`.
"""


def page() -> str:
    parts = [HEAD]
    for group, actions in groupby(ACTIONS, key=lambda action: action.group):
        parts.append(f"\n## {group}\n\n| key | action | where | what it does |\n|---|---|---|---|\n")
        parts.extend(_row(action) for action in actions)
    parts.append("\n## Parameters of `spark-tui do`\n\n| action | parameters |\n|---|---|\n")
    parts.extend(
        f"| `{action.id}` | {', '.join(_parameters(action)) or '-'} |\n"
        for action in ACTIONS
        if action.request
    )
    return "".join(parts)


def _row(action: Action) -> str:
    keys = " ".join(f"`{spoken(key)}`" for key in action.keys) or "-"
    where = "everywhere" if EVERYWHERE in action.screens else ", ".join(action.screens)
    return f"| {keys} | {action.title} (`{action.id}`) | {where} | {action.help} |\n"


def _parameters(action: Action) -> list[str]:
    return [f"`{param.name}`{'' if param.required else '?'} {param.help}" for param in action.params]


if __name__ == "__main__":
    Path(__file__).with_name("keys.md").write_text(page(), encoding="utf-8")
