"""The rule files as they stand."""

from __future__ import annotations

from datetime import timedelta

from engine.journal.memory import MemoryJournal
from engine.notices import Notices
from engine.problem import Problem, ProblemError
from engine.records import Changes, ProgramRecord, RuleRecord
from engine.rules.book import RuleFile
from engine.rules.known import Known
from engine.rules.model import Program
from engine.testing import START, VirtualClock
from engine.tree import Tree, last_programs
from tests.house import TestLog, acting, everything

RULE = b"- id: r\n  triggers: [{trigger: event, event_type: go}]\n  actions: [{stop: done}]\n"
BROKEN = RULE.replace(b"trigger: event,", b"trigger: evnt,")


class Folder:
    """Rule files that a test changes."""

    def __init__(self, content: bytes) -> None:
        self.content: bytes | None = content

    def files(self) -> list[RuleFile]:
        return [] if self.content is None else [RuleFile("rules/a.yaml", self.content)]


async def test_a_rule_that_is_gone_counts_as_removed_after_five_seconds() -> None:
    folder = Folder(RULE)
    tree = Tree(folder.files, Known(everything()), {})
    assert list(tree.read(START).programs) == ["r"]
    folder.content = None
    reading = tree.read(START)
    assert list(reading.programs) == ["r"]
    assert reading.again == START + timedelta(seconds=5)
    assert list(tree.read(START + timedelta(seconds=4)).programs) == ["r"]
    last = tree.read(START + timedelta(seconds=5))
    assert (list(last.programs), last.again) == ([], None)


async def test_a_rule_that_comes_back_in_time_was_never_gone() -> None:
    folder = Folder(RULE)
    tree = Tree(folder.files, Known(everything()), {})
    tree.read(START)
    for content, seconds in ((None, 1), (RULE, 4), (None, 5)):
        folder.content = content
        reading = tree.read(START + timedelta(seconds=seconds))
    assert reading.again == START + timedelta(seconds=10)


async def test_mistakes_are_problems_until_they_are_mended() -> None:
    folder = Folder(RULE)
    tree = Tree(folder.files, Known(everything()), {})
    notices = Notices(MemoryJournal(), VirtualClock(), TestLog())
    tree.read(START)
    folder.content = BROKEN
    reading = tree.read(START)
    await reading.tell(notices)
    assert reading.stale == {"r"}
    assert [problem.key.startswith("file/rules/a.yaml:2") for problem in notices.open()] == [True]
    folder.content = RULE
    await tree.read(START).tell(notices)
    assert notices.open() == []


async def test_the_last_programs_are_those_that_can_still_be_used() -> None:
    def rebuilt(record: ProgramRecord) -> Program:
        if record.rule == "old":
            raise ProblemError(Problem("program-outdated", "a plugin is gone"))
        return program

    program, journal, log = acting("- stop: done"), MemoryJournal(), TestLog()
    for rule in ("r", "old", "lost"):
        record = ProgramRecord(rule, rule, {}, "rules/a.yaml", 1, "", START)
        await journal.commit(Changes(put=[RuleRecord(rule, rule, "rules/a.yaml", True, None)]))
        await journal.commit(Changes(put=[record] if rule != "lost" else []))
    assert await last_programs(journal, rebuilt, log) == {"r": program}
    assert log.said("warning") == ["a kept rule cannot be used any more"]
