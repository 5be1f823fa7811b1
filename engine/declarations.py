"""What the rule files declare comes to stand: entities appear, follow their declaration, and go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from engine.declaration import Declaration, Loading
from engine.declared import is_entity
from engine.declared.timer import Timer, key_of
from engine.intake import Intake
from engine.rules.model import Program
from engine.rules.sensors import TemplateSensor
from engine.states import Snapshot, States
from engine.values import Later, SetState


class Declarations:
    """Knows what is declared, and brings the entities in line with it."""

    def __init__(self, states: States, intake: Intake) -> None:
        self._intake = intake
        self._programs: dict[str, Program] = {}
        self._has_started = False
        states.declared = self.of

    def of(self, entity: str) -> Declaration | None:
        """What the files say of an entity; None where they do not declare it."""
        program = self._programs.get(entity)
        return program.declares if program is not None else None

    async def adopt(self, programs: Mapping[str, Program], before: Iterable[str]) -> None:
        """These are the declarations from now on; `before` are the names of rules and entities until now.

        The first time rulewheel starts with them. Raises JournalError; then nothing has changed.
        """
        gone = [name for name in before if is_entity(name) and name not in programs]
        declared = {name: program for name, program in programs.items() if program.declares is not None}
        is_start = not self._has_started
        await self._intake.settle(lambda view: _settled(declared, gone, view, is_start))
        self._programs = declared
        self._has_started = True

    async def work_out(self) -> None:
        """What the sensors say now that the rules are loaded, which they may read. Raises JournalError."""
        templates = _templates(self._programs)
        if templates:
            await self._intake.settle(lambda view: _worked_out(templates, view))


def _settled(
    declared: Mapping[str, Program], gone: Iterable[str], view: Snapshot, is_start: bool
) -> Iterator[SetState | Later]:
    """How every entity stands under its declaration; each shows in the view before the next is asked for."""
    for name in gone:
        yield SetState(name, None)
        if name.startswith(f"{Timer.domain}."):
            yield Later(key_of(name), None)
    at = Loading(view.now, view.zone, is_start)
    templates = _templates(declared)
    worked_out = {sensor.entity for sensor in templates}
    for name, program in declared.items():
        if program.declares is not None and name not in worked_out:
            yield from program.declares.loaded(name, view.state(name), at)
    yield from _worked_out(templates, view)


def _templates(declared: Mapping[str, Program]) -> list[TemplateSensor]:
    """The sensors that are worked out by templates."""
    plugins = [use.plugin for program in declared.values() for use in program.triggers]
    return [plugin for plugin in plugins if isinstance(plugin, TemplateSensor)]


def _worked_out(sensors: list[TemplateSensor], view: Snapshot) -> Iterator[SetState]:
    """What the sensors say, until none says anything new; they may read each other."""
    for _ in range(len(sensors) + 1):
        moved = False
        for sensor in sensors:
            before = view.state(sensor.entity)
            found, _ = sensor.says(view, {}, sensor.template)
            if before is None or (before.state, before.attributes) != (found.state, found.attributes):
                moved = True
                yield found
        if not moved:
            return
