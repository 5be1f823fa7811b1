"""The process: opens the state, joins the engine, listens, reloads on change, and stops as it should.

SIGTERM and SIGINT finish the calls under way, a second one ends at once; SIGHUP reads the rules again. A service
manager is told of all this, and its watchdog is fed only while every part gets on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from engine.assembly import Engine, Ports
from engine.clock import Clock, Ids, SystemClock, SystemIds
from engine.due import SchedulerAlarm
from engine.journal.api import JournalError
from engine.journal.sqlite import SqliteJournal
from engine.log import Log
from engine.notify import notifiers
from engine.plugin import Connection, Tools
from engine.problem import ProblemError
from engine.readiness import Readiness
from engine.records import ProgramRecord
from engine.rules.book import RuleFile, newest_change, read_tree
from engine.rules.known import Known
from engine.rules.model import Program, count_rules
from engine.rules.program import program_from_record
from engine.settings import Settings
from engine.tree import Reading, Tree, last_programs
from engine.values import Fact
from engine.watchdog import Watchdog
from engine.web.health import HealthApp
from engine.web.key import webhook_key
from engine.web.listener import listen
from engine.web.webhooks import WebhookApp

COMMANDS_EVERY = timedelta(seconds=1)
TELL_EVERY = timedelta(seconds=1)
NOTICE_LONGEST = timedelta(minutes=2)
"""A mail server may take ten seconds for each of its steps."""
STABLE_MS = 500
STABLE = timedelta(milliseconds=STABLE_MS)
MOST_PATIENCE = timedelta(seconds=10)
"""With files that never come to rest."""
STOP_SECONDS = 15.0
FAREWELL_SECONDS = 5.0
"""For rules that wait for the shutdown; other work goes on meanwhile."""


class Daemon:
    """One daemon over one state. `serve` runs it until it is told to stop."""

    def __init__(self, settings: Settings, log: Log, *, on_ready: Callable[[int | None], None] | None = None) -> None:
        self.settings = settings
        self.log = log
        self.clock: Clock = SystemClock()
        self.ids: Ids = SystemIds(self.clock)
        self._on_ready = on_ready or (lambda port: None)
        self.readiness = Readiness.of(os.environ)
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._connections: dict[str, Connection] = {}
        self._files: list[RuleFile] = []
        self._said: object = None

    def stop(self) -> None:
        """Ends `serve` in good order."""
        self._stop.set()

    def reload(self) -> None:
        """Reads the rules again soon."""
        self._reload.set()

    def _asked_to_reload(self) -> None:
        """Reads the rules again soon, and says so also if nothing has changed."""
        self._said = None
        self.reload()

    async def serve(self) -> None:
        """Runs until stopped. Raises ProblemError when it cannot start or go on, with what to mend."""
        try:
            await self._serve()
        except JournalError as error:
            raise ProblemError(error.problem()) from None

    async def _serve(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            journal = SqliteJournal.open(self.settings.state_file, owner="rulewheel run")
            stack.push_async_callback(journal.close)
            await self._open_connections(stack)
            alarm = SchedulerAlarm()
            stack.callback(alarm.close)
            self.engine = Engine(self._ports(journal, alarm))
            self.health = HealthApp(self.engine.pulse, self.engine.notices, self.clock)
            await self._tell_health(stack)
            await self.engine.start()
            last = await last_programs(journal, self._rebuilt, self.log)
            self._tree = Tree(lambda: self._files, Known.of(self.settings), last)
            await self._read_rules()
            port = await self._listen(stack)
            await self.engine.started()
            stack.enter_context(self._signals())
            self._say_ready(port)
            await self._until_stopped()
            await self._finish()

    def _ports(self, journal: SqliteJournal, alarm: SchedulerAlarm) -> Ports:
        registry = self.settings.registry
        return Ports(
            journal=journal,
            clock=self.clock,
            ids=self.ids,
            alarm=alarm,
            log=self.log,
            connections=self._connections,
            actions=registry.actions,
            triggers=registry.triggers,
            rebuild=self._rebuilt,
            zone=self.settings.zone,
            test_to=self.settings.test_to if self.settings.sending == "test" else None,
            keep=self.settings.keep,
        )

    def _rebuilt(self, record: ProgramRecord) -> Program:
        return program_from_record(record, self.settings.registry)

    async def _open_connections(self, stack: contextlib.AsyncExitStack) -> None:
        registry = self.settings.registry.connections
        needless = [name for name, connection in registry.items() if not connection.configured]
        for name in dict.fromkeys([*self.settings.connections, *needless]):
            connection = self.settings.connection(name)
            await connection.open(Tools(self.clock, self.settings.secrets.value, self.settings.hosts))
            stack.push_async_callback(connection.close)
            self._connections[name] = connection

    async def _read_rules(self) -> None:
        """Swaps the whole tree; what is wrong in it becomes problems, and the last good version goes on."""
        self._files = await self._still_files()
        with self.engine.pulse.beat("rules"):
            reading = self._tree.read(self.clock.now())
            await self.engine.adopt(reading.programs)
            await reading.tell(self.engine.notices)
        self._say_read(reading)
        if reading.again is not None:
            self._loop().call_later((reading.again - self.clock.now()).total_seconds() + 0.05, self.reload)

    def _say_read(self, reading: Reading) -> None:
        """A line in the log when something has changed: the files are looked at more often."""
        stands = (self._files, sorted(reading.programs), reading.stale)
        if stands == self._said:
            return
        self._said = stands
        self.log.info("rules read", rules=count_rules(reading.programs), problems=len(reading.problems))
        if reading.stale:
            self.log.warning("these rules run their last good version", rules=", ".join(sorted(reading.stale)))

    async def _still_files(self) -> list[RuleFile]:
        """The rule files, once none has changed for a while: before that an editor may have written half of one."""
        until = self.clock.now() + MOST_PATIENCE
        while True:
            files = read_tree(self.settings.rules)
            changed = newest_change(self.settings.rules)
            now = self.clock.now()
            if changed is None or now >= until or not timedelta(0) <= now - changed < STABLE:
                return files
            await self.clock.sleep_until(changed + STABLE)

    async def _listen(self, stack: contextlib.AsyncExitStack) -> int | None:
        if self.settings.webhooks is None:
            return None
        key = webhook_key(self.settings.state_file.parent)
        engine = self.engine
        heard = engine.silence.heard
        app = WebhookApp(engine.intake, engine.matcher, key, self.log, receivers=engine.receivers, heard=heard)
        return await listen(stack, app, self.settings.webhooks, "webhooks")

    async def _tell_health(self, stack: contextlib.AsyncExitStack) -> None:
        if self.settings.health is not None:
            await listen(stack, self.health, self.settings.health, "health")

    def _say_ready(self, port: int | None) -> None:
        sending = "test: every message goes to one number" if self.settings.sending == "test" else "live"
        self.log.info("ready", rules=count_rules(self.engine.programs), webhooks=port, sending=sending)
        self.health.ready = True
        self.readiness.ready(self._status())
        self._on_ready(port)

    def _status(self) -> str:
        problems = len(self.engine.notices.open())
        return f"{count_rules(self.engine.programs)} rules, {problems} open problems"

    async def _until_stopped(self) -> None:
        jobs = [self.engine.run(), self._reloads(), self._watched(), self._commands(), self._tell()]
        jobs.append(Watchdog(self.engine.pulse, self.readiness, self.clock, self.log).run())
        tasks = [asyncio.create_task(job) for job in jobs]
        stopped = asyncio.create_task(self._stop.wait())
        try:
            done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()
        finally:
            for task in [stopped, *tasks]:
                task.cancel()
            await asyncio.gather(stopped, *tasks, return_exceptions=True)

    async def _finish(self) -> None:
        self.health.ready = False
        self.readiness.stopping(f"{self.engine.effects.under_way} calls under way")
        self.log.info("stopping", under_way=self.engine.effects.under_way)
        await self._say_farewell()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.engine.stop()
        except TimeoutError:
            self.log.warning("calls did not end in time; they will be unsure", count=self.engine.effects.under_way)
        self.log.info("stopped")

    async def _say_farewell(self) -> None:
        """Tells the rules that it stops; those that wait for this have a few seconds for what they do then."""
        fact = Fact("event", "shutdown", {}, self.clock.now())
        with contextlib.suppress(JournalError):
            if await self.engine.intake.take(("shutdown", "shutdown"), fact):
                try:
                    async with asyncio.timeout(FAREWELL_SECONDS):
                        await self.engine.work()
                except TimeoutError:
                    self.log.warning("rules on shutdown were not over in time; they go on after the next start")

    async def _reloads(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            self.readiness.reloading()
            try:
                await self._read_rules()
            except JournalError as error:
                self.log.error("the rules could not be taken over; trying again", reason=str(error))
                self._loop().call_later(1.0, self.reload)
            self.readiness.ready(self._status())

    async def _watched(self) -> None:
        """Reloads when the folder has changed and then been still for half a second."""
        import watchfiles

        said = ""
        while True:
            try:
                self._loop().call_soon(self.reload)  # the watch stands by then: what changed before it is seen too
                async for _ in watchfiles.awatch(self.settings.rules, step=STABLE_MS, debounce=10_000):
                    said = ""
                    self.reload()
            except (FileNotFoundError, OSError, RuntimeError) as error:
                if said != str(error):
                    self.log.warning("the rules folder cannot be watched; looking again", reason=str(error))
                said = str(error)
            await asyncio.sleep(1)

    async def _commands(self) -> None:
        """Takes up what people asked for with commands such as `rulewheel watch-job`."""
        while True:
            try:
                with self.engine.pulse.beat("commands"):
                    for command in await self.engine.ports.journal.commands():
                        await self.engine.carry_out(command)
            except JournalError as error:
                self.log.error("a command could not be carried out yet", reason=str(error))
            await self.clock.sleep_until(self.clock.now() + COMMANDS_EVERY)

    async def _tell(self) -> None:
        """Tells somebody outside of problems that stay open."""
        ports, notices = self.engine.ports, self.engine.notices
        found = notifiers(
            self.settings.notices, self._connections, notices, ports.journal, self.clock, self.ids, self.log
        )
        for notifier in found:
            await notifier.load()
        while True:
            for notifier in found:
                with self.engine.pulse.beat("notices", NOTICE_LONGEST):
                    await notifier.work()
            await self.clock.sleep_until(self.clock.now() + TELL_EVERY)

    def _told_to_stop(self, number: int) -> None:
        """The first time in good order, the second time at once: what is on disk is safe either way."""
        if not self._stop.is_set():
            self.stop()
            return
        self.log.warning("told to stop twice: it ends at once, calls under way will be unsure")
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = self._loop()
        handlers: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: partial(self._told_to_stop, signal.SIGTERM),
            signal.SIGINT: partial(self._told_to_stop, signal.SIGINT),
            signal.SIGHUP: self._asked_to_reload,
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    @staticmethod
    def _loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()


def serve(settings: Settings, log: Log, *, on_ready: Callable[[int | None], None] | None = None) -> None:
    """Runs a daemon until it is told to stop. Raises ProblemError when it cannot start."""
    import uvloop

    async def main() -> None:
        await Daemon(settings, log, on_ready=on_ready).serve()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
