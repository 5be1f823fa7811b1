"""Rules that run because others have ended are looked at together."""

from __future__ import annotations

from engine.problem import Problem
from engine.registry import Registry
from engine.rules.book import RuleFile, Shelf, make_book
from engine.rules.known import Known

KNOWN = Known(Registry.discover(["actions", "triggers"]))


def follower(name: str, rule: str) -> str:
    return f"- id: {name}\n  triggers: {{trigger: rule, rule: {rule}, outcome: failed}}\n  actions: {{delay: 1}}\n"


def problems(**files: str) -> list[tuple[str, str]]:
    found: list[Problem] = list(
        make_book([RuleFile(f"{name}.yaml", text.encode()) for name, text in files.items()], Shelf(KNOWN), {}).problems
    )
    return [(problem.code, problem.remedy) for problem in found if problem.code in ("unknown-rule", "follows-itself")]


def test_a_rule_that_is_not_there_is_told_with_what_may_be_meant() -> None:
    assert problems(a=follower("a", "any") + follower("b", "[imprt, a]"), b=follower("import", "any")) == [
        ("unknown-rule", 'did you mean "import"?')
    ]


def test_a_rule_that_is_broken_is_there() -> None:
    broken = "- id: import\n  triggers: {trigger: nonsense}\n  actions: {delay: 1}\n"
    assert problems(a=follower("a", "import"), b=broken) == []


def test_a_file_that_may_hold_any_rule_keeps_it_from_being_said() -> None:
    assert problems(a=follower("a", "import"), b="- id: [\n") == []


def test_a_circle_is_told_once() -> None:
    circle = follower("a", "b") + follower("b", "c") + follower("c", "a")
    assert [code for code, _ in problems(a=circle)] == ["follows-itself"]


def test_scripts_may_be_followed() -> None:
    script = "scripts: {greet: {sequence: [{delay: 1}]}}\n"
    assert problems(a=follower("a", "script.greet"), b=script) == []
