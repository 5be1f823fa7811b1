"""What the pages show is right: rules and settings are checked, links lead somewhere, commands exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest

from engine.cli import main
from engine.problem import render
from engine.registry import Registry
from engine.rules.book import RuleFile, Shelf, make_book
from engine.rules.check import check_file
from engine.rules.known import Known
from engine.settings import load_settings
from engine.source import read
from engine.testing import World
from tests.examples import come_true, undocumented

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
KNOWN = Known(Registry.discover(), hosts={"crm.example": {}})
SECRETS = "chakra_token: x\nshop_key: x\ncrm_key: x\nsmtp_password: x\n"
REST = {
    "triggers": "triggers: {trigger: webhook, webhook_id: go}\n",
    "actions": "actions: {delay: 1}\n",
}
WHOLE = ("- id:", "id:", "scripts:")
SETTINGS = ("connections:", "rules:", "hosts:", "listen:", "sending:")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def shown(pages: list[Path]) -> list[object]:
    found = [(page, number, block) for page in pages for number, block in enumerate(blocks(page, "yaml"), 1)]
    return [pytest.param(block, id=f"{page.name}, block {number}") for page, number, block in found]


def in_a_rule(block: str) -> str:
    """A part of a rule with the rest around it."""
    first = block.split(":", 1)[0]
    return "id: r\n" + block + "".join(text for key, text in REST.items() if key != first)


def is_a_file(block: str) -> bool:
    """Whether a page shows a whole file, whose first line is its name."""
    return re.match(r"# \w+\.yaml\n", block) is not None


def blueprints_of(page: Path) -> dict[str, str]:
    """The blueprints that a page shows, by the path that their first line gives."""
    found = (re.match(r"# blueprints/(\S+)\n", block) for block in blocks(page, "yaml"))
    return {match[1]: match.string for match in found if match}


@pytest.mark.parametrize("page", [page for page in PAGES if blueprints_of(page)], ids=lambda page: page.name)
def test_blueprints_of_a_page_and_the_rules_made_of_them_are_found_right(page: Path) -> None:
    files = [RuleFile(path, text.encode(), blueprint=path) for path, text in blueprints_of(page).items()]
    rules = "".join(block for block in blocks(page, "yaml") if "use_blueprint" in block)
    book = make_book([*files, RuleFile(page.name, rules.encode())], Shelf(KNOWN), {})
    assert not book.problems, [render(problem, book.sources) for problem in book.problems]
    assert book.programs


async def test_the_first_blueprint_of_its_page_does_what_the_page_says() -> None:
    page = ROOT / "docs" / "language" / "blueprints.md"
    blueprints = {f"blueprints/{path}": text for path, text in blueprints_of(page).items()}
    rules = "".join(block for block in blocks(page, "yaml") if "use_blueprint" in block)
    async with World() as world:
        world.stub("whatsapp.send_template")
        await world.load({"rules.yaml": rules, **blueprints})
        for hook in ("order_packed", "order_lost"):
            await world.webhook(hook, json={"name": "Asha", "phone": "+919876543210", "order": "A1"})
        assert [call.data["body"][-1] for call in world.calls] == ["packed", "being looked for"]


async def test_the_entities_of_their_page_do_what_the_page_says() -> None:
    page = ROOT / "docs" / "language" / "entities.md"
    files = {str(number): block for number, block in enumerate(blocks(page, "yaml"))}
    async with World(settings={"hosts": {"crm.example": {}}}) as world:
        world.stub("log.write")
        world.stub("http.request", response={"json": {"count": 7}}, reads=True)
        await world.load(files)
        assert not world.problems, [problem.text for problem in world.problems]
        await world.webhook("order")
        await world.advance(1800)
        assert [call.data["message"] for call in world.calls if call.name == "log.write"] == [
            "nobody has called back; orders so far: 1"
        ]
        await world.webhook("sale")
        said = {name: state.state for name in SAID if (state := world.state(name))}
        assert said == SAID


SAID = {
    "counter.orders": "0",
    "counter.visitors": "10",
    "input_number.discount": "25.0",
    "input_text.greeting": "The sale begins",
    "input_datetime.sale_begins": "2026-11-27 08:00:00",
    "sensor.orders_kept": "0",
    "sensor.shop": "open",
    "sensor.lamps_in_stock": "7",
    "timer.call_back": "idle",
}


@pytest.mark.parametrize("block", shown([page for page in PAGES if page.name != "reference.md"]))
def test_what_a_page_shows_is_found_right(block: str, tmp_path: Path) -> None:
    if block.startswith(SETTINGS):
        path = tmp_path / "rulewheel.yaml"
        path.write_text(block, encoding="utf-8")
        secrets = tmp_path / "secrets.yaml"
        secrets.write_text(SECRETS, encoding="utf-8")
        secrets.chmod(0o600)
        loaded = load_settings(path)
        assert not loaded.problems, [render(problem, loaded.sources) for problem in loaded.problems]
        return
    if "# blueprints/" in block.split("\n")[0] or "use_blueprint" in block:
        return  # looked at with the rest of its page
    text = block if block.startswith(WHOLE) or is_a_file(block) else in_a_rule(block)
    source = read(text.encode(), "page.yaml")
    checked = check_file(source, KNOWN)
    assert not checked.problems, [render(problem, {"page.yaml": source.text}) for problem in checked.problems]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    lost = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not lost


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_a_page_shows_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    code = [
        *re.findall(r"`([^`\n]+)`", text),
        *(line for block in blocks(page, "(?:sh|text)?") for line in block.splitlines()),
    ]
    named = {found[1] for line in code if (found := re.match(r"\s*(?:\S*/)?rulewheel ([a-z][a-z-]+)\b", line))}
    assert named <= set(main.list_commands(click.Context(main)))


def test_problems_of_connections_and_of_the_state_are_explained_to_those_who_run_it() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    sources = [*(ROOT / "connections").rglob("*.py"), *(ROOT / "engine").glob("*.py"), ROOT / "engine/journal/file.py"]
    named = re.compile(r'(?:problem=|waiting\(|MALFORMED: Final = |SQLITE_\w+: \()"([a-z-]+)"')
    codes = {code for path in sources for code in named.findall(path.read_text(encoding="utf-8"))}
    assert len(codes) > 10
    assert not {code for code in codes if f"`{code}`" not in page}


def test_the_action_that_contributors_read_is_whole() -> None:
    (text,) = blocks(ROOT / "CONTRIBUTING.md", "python")
    known: dict[str, Any] = {"__name__": "contributed"}
    exec(compile(text, "CONTRIBUTING.md", "exec"), known)
    action = known["ChannelPost"]
    assert not list(undocumented(action))
    for example in action.examples:
        come_true(action, example)


def test_the_picture_of_the_demo_asks_no_other_host_and_knows_nothing_of_a_machine() -> None:
    picture = (ROOT / "docs" / "demo.svg").read_text(encoding="utf-8")
    assert not re.findall(r"url\((?!#)|<image|<script|/(?:home|root|tmp|work|Users)/", picture)
    assert set(re.findall(r"(?:href|xmlns(?:\:\w+)?)=\"(.*?)\"", picture)) == {"http://www.w3.org/2000/svg"}


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs" / "decisions").glob("0*.md"):
        title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert f"[{title}]({page.name})" in index


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {
        word for words in re.findall(r"^\| (`.*?`) \|", readme, re.MULTILINE) for word in re.findall(r"[\w-]+", words)
    }
    named |= set(re.findall(r"^rulewheel ([\w-]+)", readme, re.MULTILINE))
    assert isinstance(main, click.Group)
    assert set(main.list_commands(click.Context(main))) <= named
