from __future__ import annotations

import pytest

from engine.adopt import contents_of
from engine.journal.api import Journal, JournalError
from engine.journal.memory import MemoryJournal
from engine.records import EventRecord, ProgramRecord
from engine.values import Fact
from tests.house import START, FailingJournal, House, acting, program, programs

OLD = "- delay: 10\n- stop: old\n"
NEW = "- delay: 10\n- stop: new\n"


async def reasons(house: House) -> list[str]:
    return [run.reason for run in await house.runs()]


async def test_editing_a_rule_keeps_its_runs_with_the_program_they_began_with(journal: Journal) -> None:
    house = House(journal=journal)
    await house.start(acting(OLD, mode="parallel"))
    await house.fire("go")
    await house.adopt(acting(NEW, mode="parallel"))
    await house.fire("go")
    await house.advance(10)
    assert await reasons(house) == ["old", "new"]


async def test_a_run_keeps_its_program_over_edits_and_a_restart(journal: Journal) -> None:
    house = House(journal=journal)
    await house.start(acting(OLD))
    await house.fire("go")
    await house.adopt(acting(NEW))
    following = house.again()
    await following.start(acting(NEW))
    following.programs = house.programs
    await following.advance(10)
    assert await reasons(following) == ["old"]


async def test_removing_a_rule_cancels_its_runs_and_only_those() -> None:
    house = House()
    other = program("- {id: other, triggers: {trigger: event, event_type: go}, actions: [{delay: 10}]}")
    await house.start(acting(OLD), other)
    await house.fire("go")
    await house.fire("go")
    await house.adopt(other)
    ends = [(run.rule, run.outcome or run.state) for run in await house.runs()]
    assert sorted(ends) == [("other", "queued"), ("other", "running"), ("r", "cancelled"), ("r", "cancelled")]
    assert await house.journal.dues("run/") != []
    await house.advance(20)
    assert [run.outcome for run in await house.runs() if run.rule == "other"] == ["finished", "finished"]
    assert await house.journal.dues("run/") == []
    assert [record.rule for record in await house.journal.rules()] == ["other"]


async def test_a_rule_that_was_removed_while_down_is_cancelled_at_the_start(journal: Journal) -> None:
    house = House(journal=journal)
    await house.start(acting(OLD))
    await house.fire("go")
    following = house.again()
    await following.engine.start()
    await following.engine.adopt({})
    await following.engine.work()
    assert await following.outcomes() == ["cancelled"]


async def test_adopting_the_same_rules_changes_nothing_of_what_is_under_way() -> None:
    house = House()
    await house.start(acting(OLD))
    await house.fire("go")
    before = await house.runs()
    await house.adopt(acting(OLD))
    assert await house.runs() == before


async def test_an_event_of_the_old_program_is_handled_by_the_old_program() -> None:
    house = House()
    await house.start(acting("- stop: old"))
    await house.engine.intake.take(("event", "go"), Fact("event", "go", {}, START))
    await house.adopt(acting("- stop: new"))
    assert await reasons(house) == ["old"]


async def test_a_book_that_cannot_be_written_changes_nothing() -> None:
    failing = FailingJournal(MemoryJournal())
    house = House(journal=failing)
    await house.start(acting("- stop: old"))
    failing.fails_after = failing.commits
    with pytest.raises(JournalError):
        await house.adopt(acting("- stop: new"))
    failing.fails_after = None
    await house.fire("go")
    assert await reasons(house) == ["old"]
    await house.adopt(acting("- stop: new"))
    await house.fire("go")
    assert await reasons(house) == ["old", "new"]


async def test_runs_that_could_not_be_cancelled_are_cancelled_with_the_next_book() -> None:
    failing = FailingJournal(MemoryJournal())
    house = House(journal=failing)
    await house.start(acting(OLD))
    await house.fire("go")
    failing.fails_after = failing.commits + 1
    with pytest.raises(JournalError):
        await house.adopt()
    failing.fails_after = None
    await house.adopt()
    assert await house.outcomes() == ["cancelled"]


async def test_the_program_of_every_rule_is_kept_with_its_text() -> None:
    house = House()
    rule = acting("- stop: old")
    await house.start(rule)
    record = await house.journal.get(ProgramRecord, (rule.hash,))
    assert record is not None
    assert (record.rule, record.body, record.file) == ("r", rule.body, "rules.yaml")
    assert "stop: old" in record.text


async def test_what_a_removed_trigger_remembered_is_forgotten() -> None:
    from tests.engine.test_match import Counting, using

    house = House()
    await house.start(using(Counting))
    await house.fire("tick")
    await house.adopt()
    assert await house.journal.memories() == []
    await house.adopt(using(Counting))
    await house.fire("tick")
    assert await reasons(house) == ["1", "1"]


async def test_moving_a_trigger_about_keeps_its_memory() -> None:
    from tests.engine.test_match import Counting

    def rule(triggers: str) -> object:
        return program(
            f'- {{id: r, triggers: [{triggers}], actions: [{{stop: "{{{{ trigger.n | default(0) }}}}"}}]}}', Counting
        )

    house = House()
    await house.start(rule("{trigger: counting}, {trigger: event, event_type: x}"))  # type: ignore[arg-type]
    await house.fire("tick")
    await house.adopt(rule("{trigger: event, event_type: x}, {trigger: counting}"))  # type: ignore[arg-type]
    await house.fire("tick")
    assert await reasons(house) == ["1", "2"]


async def test_a_disabled_trigger_does_not_fire_and_an_enabled_one_does_again() -> None:
    def rule(enabled: str) -> object:
        return program(
            f"- {{id: r, triggers: {{trigger: event, event_type: go, enabled: {enabled}}}, actions: [{{stop: x}}]}}"
        )

    house = House()
    await house.start(rule("false"))  # type: ignore[arg-type]
    await house.fire("go")
    assert await house.runs() == []
    await house.adopt(rule("true"))  # type: ignore[arg-type]
    await house.fire("go")
    assert await reasons(house) == ["x"]


async def test_an_event_says_which_trigger_it_was() -> None:
    house = House()
    (rule,) = programs("""
    - id: r
      triggers:
        - {trigger: event, event_type: never}
        - {trigger: event, event_type: go, id: second, alias: The second, variables: {x: "{{ trigger.id }}!"}}
      conditions: {condition: trigger, id: second}
      actions:
        - stop: "{{ x }}"
    """)
    await house.start(rule)
    await house.fire("go")
    (run,) = await house.runs()
    event = await house.journal.get(EventRecord, (run.event,))
    assert event is not None
    assert run.reason == "second!"
    assert (event.data["id"], event.data["idx"], event.data["alias"]) == ("second", "1", "The second")


def test_a_trigger_is_the_same_while_what_it_says_is_the_same() -> None:
    def of(**trigger: object) -> object:
        body = {"triggers": [{"key": "k", "trigger": "event", "with": {}, **trigger}]}
        return contents_of([("r", body)])

    assert of() == of(variables={"x": 1}) == of(alias="other")
    assert of() != of(enabled=False)
    assert of() != of(**{"with": {"event_type": "x"}})
