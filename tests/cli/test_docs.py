"""The guide against the program: a setting, flag, action or metric nobody wrote about fails here, and so
does a page that tells of one that is not there."""

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import pytest
from msgspec import structs
from pydantic import BaseModel, SecretStr

from spark_tui.commands import parser
from spark_tui.domain.health import Call, StreamHealth, WeightGauge
from spark_tui.domain.order import OrderState
from spark_tui.domain.risk.verdict import NO_FIGURE
from spark_tui.domain.rules import KINDS, STANDARD
from spark_tui.link.messages import OrderUpdate
from spark_tui.settings import ENVIRONMENT, Settings
from spark_tui.telemetry.metrics import BookCounts, Metrics, Sample
from spark_tui.ui.actions import ACTIONS
from spark_tui.ui.theme import load_themes

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def section(name: str, title: str) -> str:
    """A page's part under `## title`."""
    parts = re.split(r"^## ", page(name), flags=re.MULTILINE)
    found = [part for part in parts if part.split("\n", 1)[0].strip() == title]
    assert found, f"docs/{name} has no section {title!r}"
    return found[0]


def rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


# --- settings


def written(value: object) -> str:
    """A default as the table writes it."""
    match value:
        case None | "":
            return "-"
        case SecretStr():
            return "-" if not value.get_secret_value() else "secret"
        case bool():
            return str(value).lower()
        case tuple():
            return "[" + ", ".join(f'"{item}"' for item in value) + "]"
        case dict():  # as TOML has it inline
            return "{" + ", ".join(f"{key} = {written(item)}" for key, item in value.items()) + "}"
        case Decimal() | float() | int():
            return f"{value:g}" if not isinstance(value, int) else str(value)
        case StrEnum():
            return value.value
    raise AssertionError(f"write {value!r} down somehow")


def settings(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from settings(value, f"{prefix}{name}.")
        else:
            yield prefix + name, written(value)


def test_every_setting_is_documented_with_its_default_and_environment_name() -> None:
    names = {".".join(path): name for name, path in ENVIRONMENT.items()}
    expected = {key: (default, names.get(key, "-")) for key, default in settings(Settings())}
    table = section("configuration.md", "Every setting")
    assert {
        row[0].strip("`"): (row[1], row[2].strip("`")) for row in rows(table) if len(row) >= 4
    } == expected


def test_every_limit_is_explained_with_its_default() -> None:
    default = {key: value for key, value in settings(Settings()) if key.startswith("risk.")}
    words = {"-": "none", "[]": "none"}
    told = {row[0].strip("`"): row[1] for row in rows(page("risk.md")) if row[0].startswith("`risk.")}
    assert told == {key: words.get(value, value) for key, value in default.items()}


def test_every_kind_of_rule_is_explained_with_its_code() -> None:
    told = {row[0].strip("`"): row[-1] for row in rows(section("risk.md", "Kinds"))}
    assert told == {kind.value: facts.code for kind, facts in KINDS.items()}


def test_the_standard_rules_are_the_ones_told() -> None:
    told = {row[0].strip("`"): (row[1], row[2]) for row in rows(section("risk.md", "On from the start"))}
    assert told == {rule.id: (f"{rule.limit:f}", rule.effect.value) for rule in STANDARD}


@pytest.mark.parametrize("path", [path for path in PAGES if "```toml" in path.read_text("utf-8")])
def test_every_toml_example_is_a_configuration(path: Path) -> None:
    import tomllib

    for example in re.findall(r"^```toml\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        Settings.model_validate(tomllib.loads(example))


def test_the_rules_of_the_full_example_let_an_order_leave_at_any_hour() -> None:
    """Whoever pastes it and tries it on the simulator may do so at night."""
    import tomllib

    from spark_tui.domain.hours import parse_hours

    page = (ROOT / "docs" / "risk.md").read_text("utf-8")
    examples = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    rules = [rule for one in examples for rule in tomllib.loads(one)["risk"].get("rules", ())]
    hours = [parse_hours(rule["hours"]) for rule in rules if "hours" in rule]
    assert hours
    assert all(one.open_at(minute * 60_000) for one in hours for minute in range(7 * 1_440))


# --- the command line


def flags(command: str) -> set[str]:
    """The flags of a command and of its verbs, as it builds them itself."""
    _, fill, _ = parser._COMMANDS[command]
    made = parser.Parser(prog=f"spark-tui {command}", description="")
    fill(made)
    verbs = [action.choices for action in made._actions if isinstance(action.choices, dict)]
    parsers = [made, *(verb for choices in verbs for verb in choices.values())]
    words = {word for one in parsers for word in one._option_string_actions}
    return {word for word in words if word.startswith("--")} - {"--help"}


@pytest.mark.parametrize("command", sorted(parser._COMMANDS))
def test_every_command_and_flag_is_documented(command: str) -> None:
    text = section("command-line.md", command)
    if command == "simulator":
        text += page("simulator.md")
    told = set(re.findall(r"--[a-z][a-z0-9-]+", text))
    assert flags(command) <= told, f"docs/command-line.md, {command}"


def test_no_page_tells_of_a_flag_that_is_not_there() -> None:
    known = set().union(*(flags(command) for command in parser._COMMANDS))
    known |= {"--version", "--help", "--collect-only"}
    for name in ("command-line.md", "simulator.md", "terminal.md", "configuration.md", "first-light.md"):
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", page(name))) <= known, name


def test_every_word_of_show_is_documented() -> None:
    told = {row[0].split("`")[1] for row in rows(section("command-line.md", "show"))}
    assert told == set(parser.WHAT)


def test_every_action_of_do_is_documented() -> None:
    told = {row[0].strip("`") for row in rows(section("command-line.md", "do"))}
    assert told == {action.id for action in ACTIONS if action.request}


def test_the_order_object_is_told_whole() -> None:
    from spark_tui.commands import rows as objects
    from spark_tui.domain.lifecycle import begin
    from spark_tui.domain.order import Intended, OrderRequest
    from spark_tui.domain.values import OrderType, Side

    request = OrderRequest(venue="v", symbol="S", side=Side.BUY, type=OrderType.MARKET)
    order = begin(Intended(client_order_id="c", request=request, at_ms=0))
    told = section("command-line.md", "do").partition("### The order object")[2].partition("(each")[0]
    assert re.findall(r"`([a-z_]+)`", told) == list(objects.order(OrderUpdate(order=order)))


# --- orders


def test_every_state_is_explained() -> None:
    text = section("trading.md", "What a state means")
    told = set(re.findall(r"^\| \**([A-Z_]+)\** \|", text, re.MULTILINE))
    assert told == {state.value for state in OrderState}


def test_every_denial_code_is_explained() -> None:
    """Codes are written out where they are given: all of them, gathered from the source."""
    source = "".join(
        (ROOT / "spark_tui" / name).read_text("utf-8")
        for name in ("domain/risk/always.py", "engine/gate.py", "engine/outbox.py")
    )
    codes = set(re.findall(r'_no\(\s*\*rule, "([A-Z_]+)"', source))
    codes |= set(re.findall(r'code="([A-Z_]+)"', source)) | set(re.findall(r'return "([A-Z_]+)", ', source))
    codes |= {kind.code for kind in KINDS.values()} | {NO_FIGURE}
    assert {"HALTED", "MAX_NOTIONAL", "WITHDRAWN", "SYMBOL_NOT_ALLOWED"} <= codes
    text = section("trading.md", "Why an order was refused")
    assert [code for code in sorted(codes) if code not in text] == []


# --- health


def test_every_metric_is_documented_with_its_labels() -> None:
    metrics = Metrics()
    metrics.call(Call(route="/api/v3/order", method="POST", code="-2010", took_ms=1))
    stream = StreamHealth(
        venue="v", name="s", state="live", age_s=1, rate=1, lag_ms=1, messages=1, gaps=0, reconnects=0
    )
    book = BookCounts(venue="v", symbol="S", gaps=0, resyncs=0, mismatches=0)
    metrics.sample = Sample(streams=(stream,), books=(book,), weights={"v": WeightGauge(used=1, limit=2)})
    metrics.sample = structs.replace(metrics.sample, user_streams={"v": True}, instruments={("v", "Q"): 1})
    metrics.sample = structs.replace(metrics.sample, snapshots_waiting={"v": 1})
    metrics.sample = structs.replace(metrics.sample, pnl_accuracy={"v": Decimal(1)})
    metrics.sample = structs.replace(metrics.sample, orders={"FILLED": 1}, denials={"HALTED": 1})
    metrics.sample = structs.replace(metrics.sample, violations={"HALTED": 1})
    served = {
        (sample.name.removesuffix("_bucket"), ", ".join(key for key in sample.labels if key != "le"))
        for family in metrics.registry.collect()
        for sample in family.samples
        if not sample.name.endswith(("_created", "_sum", "_count"))
    }
    told = {
        (row[0].strip("`"), row[1].removeprefix("-"))
        for row in rows(section("health.md", "/metrics"))
        if len(row) >= 3
    }
    assert told == served


# --- the pages themselves


def test_every_shipped_theme_is_named() -> None:
    themes, troubles = load_themes([ROOT / "themes"])
    assert troubles == []
    assert {row[0].strip("`") for row in rows(section("terminal.md", "Colours"))} == set(themes)


def anchors(path: Path) -> set[str]:
    """As repository hosts make them from headings."""
    titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        found = (path.parent / name).resolve() if name else path
        assert found.exists(), f"{path.name}: {target}"
        if anchor:
            assert anchor in anchors(found), f"{path.name}: {target}"


def test_every_page_is_on_the_index() -> None:
    index = page("README.md")
    missing = [path.name for path in DOCS.glob("*.md") if path.name != "README.md" and path.name not in index]
    assert missing == [], "add them to docs/README.md"


def test_the_readme_begins_with_the_two_commands() -> None:
    """.ci/run takes the second block; both are one line."""
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert len(blocks) == 2
    assert all(block.count("\n") == 1 and block.startswith("python3 -m venv .venv && ") for block in blocks)
    assert blocks[0].rstrip().endswith(".venv/bin/spark-tui demo")
    assert blocks[1].rstrip().endswith(".venv/bin/python -m pytest -n auto --dist loadfile")
