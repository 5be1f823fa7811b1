"""The process: opens the state, joins the engine, listens, reloads on change, and stops as it should.

SIGTERM and SIGINT finish the calls under way; SIGHUP reads the rules again.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from engine.assembly import Engine, Ports
from engine.clock import Clock, Ids, SystemClock, SystemIds
from engine.due import SchedulerAlarm
from engine.journal.api import JournalError
from engine.journal.sqlite import SqliteJournal
from engine.log import Log
from engine.plugin import Connection, Tools
from engine.problem import Problem, ProblemError
from engine.records import ProgramRecord
from engine.rules.book import read_tree
from engine.rules.known import Known
from engine.rules.model import Program
from engine.rules.program import program_from_record
from engine.settings import Settings
from engine.tree import Tree, last_programs
from engine.values import Fact
from engine.web.key import webhook_key
from engine.web.webhooks import WebhookApp

COMMANDS_EVERY = timedelta(seconds=1)
STABLE_MS = 500
STOP_SECONDS = 15.0


class Daemon:
    """One daemon over one state. `serve` runs it until it is told to stop."""

    def __init__(self, settings: Settings, log: Log, *, on_ready: Callable[[int | None], None] | None = None) -> None:
        self.settings = settings
        self.log = log
        self.clock: Clock = SystemClock()
        self.ids: Ids = SystemIds(self.clock)
        self._on_ready = on_ready or (lambda port: None)
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._connections: dict[str, Connection] = {}

    def stop(self) -> None:
        """Ends `serve` in good order."""
        self._stop.set()

    def reload(self) -> None:
        """Reads the rules again soon."""
        self._reload.set()

    async def serve(self) -> None:
        """Runs until stopped. Raises ProblemError when it cannot start, with what to mend."""
        async with contextlib.AsyncExitStack() as stack:
            journal = await self._journal(stack)
            await self._open_connections(stack)
            alarm = SchedulerAlarm()
            stack.callback(alarm.close)
            self.engine = Engine(self._ports(journal, alarm))
            await self.engine.start()
            last = await last_programs(journal, self._rebuilt, self.log)
            self._tree = Tree(partial(read_tree, self.settings.rules), Known.of(self.settings), last)
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
            rebuild=self._rebuilt,
            zone=self.settings.zone,
            test_to=self.settings.test_to if self.settings.sending == "test" else None,
        )

    def _rebuilt(self, record: ProgramRecord) -> Program:
        return program_from_record(record, self.settings.registry)

    async def _journal(self, stack: contextlib.AsyncExitStack) -> SqliteJournal:
        try:
            journal = SqliteJournal.open(self.settings.state_file, owner="rulewheel run")
        except JournalError as error:
            remedy = "look at state: in the settings"
            raise ProblemError(Problem(error.code, str(error).rstrip("."), remedy=remedy)) from None
        stack.push_async_callback(journal.close)
        return journal

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
        reading = self._tree.read(self.clock.now())
        await self.engine.adopt(reading.programs)
        await reading.tell(self.engine.notices)
        self.log.info("rules read", rules=len(reading.programs), problems=len(reading.problems))
        if reading.stale:
            self.log.warning("these rules run their last good version", rules=", ".join(sorted(reading.stale)))
        if reading.again is not None:
            self._loop().call_later((reading.again - self.clock.now()).total_seconds() + 0.05, self.reload)

    async def _listen(self, stack: contextlib.AsyncExitStack) -> int | None:
        if self.settings.webhooks is None:
            return None
        import uvicorn  # only where there is something to listen for: it costs start-up time

        host, port = self.settings.webhooks
        listener = _bound(host, port)
        key = webhook_key(self.settings.state_file.parent)
        app = WebhookApp(self.engine.intake, self.engine.matcher, key, self.log)
        config = uvicorn.Config(
            app,
            http="httptools",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=int(STOP_SECONDS),
        )
        listening = asyncio.Event()
        server = _server(uvicorn.Server, listening)(config)
        task = asyncio.create_task(server.serve([listener]))
        stack.push_async_callback(_ended, server, task)
        await listening.wait()
        return int(listener.getsockname()[1])

    def _say_ready(self, port: int | None) -> None:
        sending = "test: every message goes to one number" if self.settings.sending == "test" else "live"
        self.log.info("ready", rules=len(self.engine.programs), webhooks=port, sending=sending)
        self._on_ready(port)

    async def _until_stopped(self) -> None:
        jobs = [self.engine.run(), self._reloads(), self._watched(), self._commands()]
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
        self.log.info("stopping", under_way=self.engine.effects.under_way)
        with contextlib.suppress(JournalError):
            await self.engine.intake.take(("shutdown", "shutdown"), Fact("event", "shutdown", {}, self.clock.now()))
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.engine.stop()
        except TimeoutError:
            self.log.warning("calls did not end in time; they will be unsure", count=self.engine.effects.under_way)
        self.log.info("stopped")

    async def _reloads(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            try:
                await self._read_rules()
            except JournalError as error:
                self.log.error("the rules could not be taken over; trying again", reason=str(error))
                self._loop().call_later(1.0, self.reload)

    async def _watched(self) -> None:
        """Reloads when the folder has changed and then been still for half a second."""
        import watchfiles

        while True:
            try:
                self._loop().call_soon(self.reload)  # the watch stands by then: what changed before it is seen too
                async for _ in watchfiles.awatch(self.settings.rules, step=STABLE_MS, debounce=10_000):
                    self.reload()
            except (FileNotFoundError, OSError, RuntimeError) as error:
                self.log.warning("the rules folder cannot be watched; looking again", reason=str(error))
            await asyncio.sleep(1)

    async def _commands(self) -> None:
        """Takes up what people asked for with commands such as `rulewheel watch-job`."""
        while True:
            try:
                for command in await self.engine.ports.journal.commands():
                    await self.engine.carry_out(command)
            except JournalError as error:
                self.log.error("a command could not be carried out yet", reason=str(error))
            await self.clock.sleep_until(self.clock.now() + COMMANDS_EVERY)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = self._loop()
        handlers = {signal.SIGTERM: self.stop, signal.SIGINT: self.stop, signal.SIGHUP: self.reload}
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


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio leaves Nagle on
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        found = f"webhooks cannot be listened for at {host}:{port}: {error.strerror}"
        raise ProblemError(
            Problem("cannot-listen", found, remedy="choose another port for listen.webhooks, or stop who has this one")
        ) from None
    listener.setblocking(False)
    return listener


def _server(server: type[Any], listening: asyncio.Event) -> type[Any]:
    """The server without signal handlers of its own (signals are the daemon's), which says when it listens."""

    class Listener(server):  # type: ignore[misc]
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            listening.set()

    return Listener


async def _ended(server: Any, task: asyncio.Task[None]) -> None:
    server.should_exit = True
    await task


def serve(settings: Settings, log: Log, *, on_ready: Callable[[int | None], None] | None = None) -> None:
    """Runs a daemon until it is told to stop. Raises ProblemError when it cannot start."""
    import uvloop

    async def main() -> None:
        await Daemon(settings, log, on_ready=on_ready).serve()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
