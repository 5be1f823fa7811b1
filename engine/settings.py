"""The operator's settings: `rulewheel.yaml`, and the secrets beside it, checked as rules are, with place and remedy.

    connections:
      chakra:
        token: !secret chakra_token
    rules: rules
    sending: test
    test_to: "+919876543210"

Paths are relative to the settings file. Secrets stay references until a connection needs them.
"""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from engine.field import (
    BOOLEAN,
    DURATION,
    MAPPING,
    PHONE,
    TEXT,
    URL,
    Block,
    FieldError,
    Kind,
    choice,
    default,
    integer,
    many,
    optional,
)
from engine.judge import Fault, block_faults, found, misread, shown, stands_for_any, unknown_key
from engine.plugin import Connection
from engine.problem import Problem, ProblemError, near
from engine.registry import OURS, Registry
from engine.secret import Secrets, read_secrets, unreadable
from engine.source import Source, read
from engine.source.places import Step
from engine.source.scalar import SecretRef
from engine.values import Json

MODES = ("queued", "single", "restart", "parallel")
SETTINGS_FILE = "rulewheel.yaml"
SECRETS_FILE = "secrets.yaml"
_LARGEST_PORT = 65535
_KEYS = "begin each line with a key and a colon: rules: rules"
_BELOW = "write each key with a colon and its value on a line of its own below it, indented"
_SECRET_NAME = re.compile(r"token|password|secret$|api.?key", re.IGNORECASE)
_SECRET_LINE = re.compile(r"(?im)^(.*(?:token|password|secret|api.?key)[\w-]*[\"']?\s*:\s*)(?!!)(\S.*)$")
_LONG_SECRET = 6
"""Of so many letters a secret is starred out wherever it stands in the file."""


def _zone(value: Json) -> str:
    name = str(value)
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        hint = near(name, zoneinfo.available_timezones())  # slow: it walks through all zone files
        raise ValueError(hint or f"there is no such zone; {_ZONE_REMEDY}") from None
    return name


def _address(value: Json) -> tuple[str, int]:
    host, colon, port = str(value).rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 <= int(port) <= _LARGEST_PORT:
        raise ValueError('expected a host and a port, such as "127.0.0.1:8321"')
    return host.strip("[]"), int(port)


def _days(least: int, why: str) -> Kind[timedelta]:
    """A duration of at least so many days."""
    span = "1 day" if least == 1 else f"{least} days"

    def long_enough(value: Json) -> timedelta:
        found = DURATION.read(value)
        if found < timedelta(days=least):
            raise ValueError(f"expected at least {span}: {why}")
        return found

    return Kind(f"a duration of at least {span}, such as {{days: {least}}}", DURATION.schema, long_enough)


_HOST = re.compile(r"(?!-)[a-z0-9_-]+(?<!-)(\.(?!-)[a-z0-9_-]+(?<!-))*")
_PORT = re.compile(r":([0-9]{1,5})$")


def _host(value: Json) -> str:
    """A host or host:port as it is looked up: in small letters, international names as they are called."""
    text = str(value).strip()
    found = _PORT.search(text)
    port = found[0] if found is not None and (text.count(":") == 1 or "]:" in text) else ""
    name = text.removesuffix(port).removeprefix("[").removesuffix("]") if port else text.strip("[]")
    if not _is_host(plain := _ascii(name)) or (port and not 0 < int(port[1:]) <= _LARGEST_PORT):
        raise ValueError(f'expected a host, or host:port, such as "shop.example"; {_meant_host(text)}')
    return plain + port


def _ascii(name: str) -> str:
    """The name as it is called, `xn--…` where it has other letters; empty where it can be no name."""
    try:
        return (name if name.isascii() else name.encode("idna").decode("ascii")).lower().rstrip(".")
    except UnicodeError:
        return ""


def _is_host(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return _HOST.fullmatch(name) is not None
    return True


def _meant_host(text: str) -> str:
    """What to write instead."""
    if "*" in text:
        return "name each host by itself; there is no sign for several"
    inner = urlsplit(text if "//" in text else f"//{text}").netloc.rpartition("@")[2]
    is_one = inner != text and bool(inner) and _is_host(_ascii(_PORT.sub("", inner)))
    return f"write {inner}, nothing before or behind it" if is_one else "write it as it stands in a web address"


_ZONE_REMEDY = "write continent and city, as Wikipedia's list of tz database time zones has them"
ZONE: Kind[str] = Kind('a time zone such as "Asia/Kolkata"', {"type": "string"}, _zone, _ZONE_REMEDY)
HOST: Kind[str] = Kind('a host, or host:port, such as "shop.example"', {"type": "string"}, _host)
ADDRESS: Kind[tuple[str, int]] = Kind(
    'a host and a port, such as "127.0.0.1:8321"',
    {"type": "string"},
    _address,
    "write 127.0.0.1, a colon and the port; 0.0.0.0 instead lets other machines in",
)


OVER = _days(2, "what was sent in the last day counts for the caps of rules")
SEEN = _days(8, "a sender may repeat an event for that long")
DAY = _days(1, "what is older is removed once a day")


def _max_sends(value: Json) -> dict[str, int]:
    if not isinstance(value, Mapping) or not value or set(value) - {"hour", "day"}:
        raise ValueError("expected hour, day or both, each with a number: {hour: 20, day: 100}")
    return {window: integer(1, 1_000_000).read(most) for window, most in value.items()}


MAX_SENDS: Kind[dict[str, int]] = Kind(
    "a mapping such as {hour: 20, day: 100}",
    {"type": "object", "literally": True},
    _max_sends,
    "write hour, day or both, each with a number of 1 or more",
)


class Listen(Block):
    """Where the daemon listens."""

    webhooks = optional(ADDRESS, "Host and port for webhooks; 127.0.0.1 is this machine only")
    health = optional(ADDRESS, "Host and port for /healthz and /readyz, for monitoring; keep it on this machine")


class Defaults(Block):
    """What a rule has when it does not say otherwise."""

    mode = default(choice(*MODES), "queued", "What happens when a rule is still running")
    max = optional(integer(2, 100_000), "How many runs of one rule may wait or run at once")
    valid_for = optional(DURATION, "How long after it was due a message may still be sent")
    cooldown = optional(DURATION, "How long a rule rests after it has started")
    max_sends = optional(MAX_SENDS, "How much one rule may send in an hour and a day")


class Keep(Block):
    """How long what is over is kept; then it is removed."""

    runs = default(OVER, timedelta(days=30), "Runs that ended well, with their steps and sends")
    failures = default(OVER, timedelta(days=90), "Runs that failed or were cancelled, and problems that cleared")
    seen = default(SEEN, timedelta(days=8), "Identities of events, by which one that comes again is recognised")
    history = default(DAY, timedelta(days=30), "How entities stood over time")


class NoticeKeys(Block):
    """Who is told of problems that stay open, and of those that then clear: by mail, by a web call, or both."""

    after = default(DURATION, timedelta(minutes=15), "How long a problem is open before it is told")
    mail_to = optional(many(TEXT), "Who gets a mail; needs `mail` below `connections:`")
    webhook = optional(URL, "The web address that is called with POST; its host needs an entry below `hosts:`")
    headers = default(MAPPING, {}, "Headers of that call; a value may be a `!secret` that its host may get")


class Host(Block):
    """What may be done with one host that rules call."""

    secrets = default(many(TEXT), [], "Names of the secrets that may be sent to this host")
    http = default(BOOLEAN, False, "Whether it may be called without encryption (http://)")
    loopback = default(BOOLEAN, False, "Whether the host may be this machine itself")
    private = default(BOOLEAN, False, "Whether the host may be in a private network")


class SettingsFile(Block):
    """The keys of rulewheel.yaml."""

    connections = default(MAPPING, {}, "Access to outside systems, by name")
    rules = default(TEXT, "rules", "The folder of the rules")
    state = default(TEXT, "state", "The folder in which the journal is kept, or its file")
    time_zone = default(ZONE, "UTC", "The time zone in which rules name times")
    listen = default(MAPPING, {}, "Where the daemon listens")
    keep = default(MAPPING, {}, "How long what is over is kept")
    notices = default(MAPPING, {}, "Who is told of problems that stay open")
    defaults = default(MAPPING, {}, "What a rule has when it does not say otherwise")
    sending = optional(choice("test", "live"), "test: every message goes to test_to; live: to whom the rule says")
    test_to = optional(PHONE, "Your own number, to which every message goes while sending is test")
    hosts = default(MAPPING, {}, "The hosts that rules may call, and which secrets may go there")
    plugins = default(many(TEXT), list(OURS), "The plugin packages in use")


@dataclass(frozen=True)
class Settings:
    """The settings as read: paths are absolute, values typed, `connections` as written with secrets as references."""

    file: str
    registry: Registry = field(repr=False)
    rules: Path
    state: Path
    time_zone: str = "UTC"
    connections: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    webhooks: tuple[str, int] | None = None
    health: tuple[str, int] | None = None
    keep: Keep = field(default_factory=lambda: Keep({}))
    notices: NoticeKeys = field(default_factory=lambda: NoticeKeys({}))
    defaults: Defaults = field(default_factory=lambda: Defaults({}))
    sending: Literal["test", "live"] = "test"
    test_to: str | None = None
    hosts: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    plugins: tuple[str, ...] = OURS
    secrets: Secrets = field(default_factory=lambda: Secrets(SECRETS_FILE))

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The time zone in which rules name times."""
        return zoneinfo.ZoneInfo(self.time_zone)

    @property
    def state_file(self) -> Path:
        """The journal's file: the setting itself when it names a file, else `journal.db` in the folder."""
        return self.state if self.state.suffix else self.state / "journal.db"

    def connection_values(self, name: str) -> dict[str, Json]:
        """What stands below a connection's name, secrets filled in; empty when nothing does. Raises ProblemError."""
        return _filled(self.connections.get(name, {}), self.secrets.value)

    def connection(self, name: str) -> Connection:
        """The connection with its secrets filled in. Raises ProblemError."""
        plugin = self.registry.connections[name]
        try:
            return plugin(self.connection_values(name))
        except FieldError as fault:
            raise ProblemError(
                Problem("bad-connection", f"connections.{name}: {fault}", remedy=f"mend it in {self.file}")
            ) from None


class Loaded(NamedTuple):
    """Settings or None, what is wrong, and the texts of the files read, for printing excerpts."""

    settings: Settings | None
    problems: tuple[Problem, ...]
    sources: Mapping[str, str]


def nearest_settings(folder: Path) -> Path | None:
    """The settings file in this folder or in the nearest one above it; None where there is none."""
    home = folder.resolve()
    return next((path for each in (home, *home.parents) if (path := each / SETTINGS_FILE).is_file()), None)


def load_settings(path: Path, registry: Registry | None = None) -> Loaded:
    """Reads rulewheel.yaml and secrets.yaml beside it; without a registry, plugins are found as `plugins:` says."""
    try:
        content = path.read_bytes()
    except OSError as fault:
        return Loaded(None, (unreadable(path, fault),), {})
    secrets, secret_problems = read_secrets(path.parent / SECRETS_FILE)
    loaded = settings_of(content, path, secrets, registry)
    problems = (*secret_problems, *loaded.problems)
    is_wrong = any(problem.severity == "error" for problem in problems)
    return Loaded(None if is_wrong else loaded.settings, problems, loaded.sources)


def settings_of(content: bytes, path: Path, secrets: Secrets, registry: Registry | None = None) -> Loaded:
    """Reads what stands in a rulewheel.yaml at this path."""
    source = read(content, str(path))
    reading = _Reading(source, path, secrets)
    settings = reading.settings(registry) if source.value is not None or not source.problems else None
    problems = (*source.problems, *reading.problems)
    if any(problem.severity == "error" for problem in problems):
        settings = None
    return Loaded(settings, problems, {source.file: reading.shown()})


class _Reading:
    """One settings file on its way to `Settings`; what is wrong gathers in `problems`."""

    def __init__(self, source: Source, path: Path, secrets: Secrets) -> None:
        self.source = source
        self.path = path
        self.secrets = secrets
        self.problems: list[Problem] = []
        self.registry: Registry | None = None

    def settings(self, registry: Registry | None) -> Settings | None:
        """The settings, as far as they can be read; None when something is wrong."""
        values = {} if self.source.value is None else self.source.value
        if not isinstance(values, dict):
            self._fault(Fault((), "wrong-type", f"the settings are {found(values)}", "keys and values", _KEYS))
            return None
        if not self._block(SettingsFile, values, ()):
            return None
        file = SettingsFile(values)
        registry = self.registry = registry or self._registry(file.plugins)
        if registry is None:
            return None
        settings = self._typed(file, registry)
        self._connections(file.connections, registry)
        self._sending(file)
        return None if self.problems else settings

    def shown(self) -> str:
        """The file as excerpts may show it: what is a secret, or may be one under a wrong name, is starred out."""
        if self.source.value is None:
            return _SECRET_LINE.sub(lambda match: match[1] + "*" * len(match[2]), self.source.text)
        lines = self.source.text.splitlines()
        for path, value in _leaves(self.source.value):
            if self._may_be_secret(path):
                place = self.source.places.value(path)
                line, start = lines[place.line - 1], place.column - 1
                lines[place.line - 1] = line[:start] + "*" * place.length + line[start + place.length :]
                for part in (part for part in str(value).splitlines() if len(part) >= _LONG_SECRET):
                    lines = [line.replace(part, "*" * len(part)) for line in lines]
        return "\n".join(lines)

    def _may_be_secret(self, path: tuple[Step, ...]) -> bool:
        if path[0] == "connections" and len(path) > 2:
            plugin = self.registry.connections.get(str(path[1])) if self.registry is not None else None
            field = plugin.fields().get(str(path[2])) if plugin is not None else None
            return field is None or field.secret
        return isinstance(path[-1], str) and _SECRET_NAME.search(path[-1]) is not None

    def _typed(self, file: SettingsFile, registry: Registry) -> Settings:
        listen = Listen(file.listen) if self._block(Listen, file.listen, ("listen",)) else Listen({})
        defaults = Defaults(file.defaults) if self._block(Defaults, file.defaults, ("defaults",)) else Defaults({})
        keep = Keep(file.keep) if self._block(Keep, file.keep, ("keep",)) else Keep({})
        notices = self._notices(file)
        folder = self.path.resolve().parent
        return Settings(
            file=str(self.path),
            registry=registry,
            rules=folder / Path(file.rules).expanduser(),
            state=folder / Path(file.state).expanduser(),
            time_zone=file.time_zone,
            connections=file.connections,
            webhooks=listen.webhooks,
            health=listen.health,
            keep=keep,
            notices=notices,
            defaults=defaults,
            sending="live" if file.sending == "live" else "test",
            test_to=file.test_to,
            hosts=self._hosts(file.hosts),
            plugins=tuple(file.plugins),
            secrets=self.secrets,
        )

    def _notices(self, file: SettingsFile) -> NoticeKeys:
        if not self._block(NoticeKeys, file.notices, ("notices",)):
            return NoticeKeys({})
        notices = NoticeKeys(file.notices)
        for name, value in notices.headers.items():
            if isinstance(value, SecretRef):
                self._secret_names([value.name], ("notices", "headers", name))
        if notices.mail_to and "mail" not in file.connections:
            remedy = "write mail: below connections:, with host and from"
            self._fault(Fault(("notices", "mail_to"), "no-connection", "there is no connection mail", remedy=remedy))
        host = urlsplit(notices.webhook or "").hostname
        if host and host not in {name.lower().partition(":")[0] for name in file.hosts}:
            remedy = f"write {host}: below hosts:"
            text = f"{host} is not among the hosts that may be called"
            self._fault(Fault(("notices", "webhook"), "host-not-listed", text, remedy=remedy))
        return notices

    def _registry(self, plugins: list[str]) -> Registry | None:
        try:
            return Registry.discover(plugins)
        except ProblemError as error:
            self.problems += [replace(each, place=self.source.places.value(("plugins",))) for each in error.problems]
            return None

    def _hosts(self, hosts: Mapping[str, Json]) -> dict[str, Mapping[str, Json]]:
        read_hosts: dict[str, Mapping[str, Json]] = {}
        for name, given in hosts.items():
            values = {} if given is None else given
            if self._block(Host, values, ("hosts", name)):
                host = Host(values)
                self._secret_names(host.secrets, ("hosts", name, "secrets"))
                if wrong := misread(HOST, name, ("hosts", name)):
                    message = f'"{shown(name)}" is the name of no host' if name else "the name of the host is empty"
                    self._fault(replace(wrong, message=message, at_key=True))
                else:
                    rights = {key: getattr(host, each.name) for key, each in Host.fields().items()}
                    read_hosts[HOST.read(name)] = rights
        return read_hosts

    def _connections(self, connections: Mapping[str, Json], registry: Registry) -> None:
        for name, given in connections.items():
            plugin = registry.connections.get(name)
            if plugin is None:
                self._fault(unknown_key(("connections", name), registry.connections))
            elif self._block(plugin, {} if given is None else given, ("connections", name)):
                self._secrets_in(given, plugin, ("connections", name))
                self._unfit(plugin, given or {})

    def _secrets_in(self, values: Json, plugin: type[Block], path: tuple[str, ...]) -> None:
        for key, value in (values or {}).items():
            if isinstance(value, SecretRef):
                self._secret_names([value.name], (*path, key))
            elif plugin.fields()[key].secret:
                self._fault(
                    Fault(
                        (*path, key),
                        "secret-in-the-open",
                        f'"{key}" is written into the settings',
                        remedy=f"put it into {SECRETS_FILE} and write !secret and its name here",
                    )
                )

    def _unfit(self, plugin: type[Connection], values: Mapping[str, Json]) -> None:
        """Secrets that are there and that the connection cannot use, told where they stand."""
        names = {key: value.name for key, value in values.items() if isinstance(value, SecretRef)}
        if not names or self._missing(names.values()):
            return
        try:
            plugin(_filled(values, self.secrets.value))
        except FieldError as fault:
            wrong = [(names[key], sentence) for key, sentence in fault.faults if key in names]
            self.problems += [self.secrets.unfit(name, sentence) for name, sentence in wrong]

    def _missing(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name not in self.secrets.names]

    def _secret_names(self, names: list[str], path: tuple[str, ...]) -> None:
        if self.secrets.whole:
            place = self.source.places.value(path)
            self.problems += [self.secrets.missing(name, place) for name in self._missing(names)]

    def _sending(self, file: SettingsFile) -> None:
        if file.sending is None and file.test_to is None:
            self._fault(
                Fault(
                    (),
                    "sending-not-chosen",
                    "the settings do not say to whom messages go",
                    expected="sending: test, with test_to; or sending: live",
                    remedy='write "test_to:" and your own number, so that every message comes to you '
                    'until you write "sending: live"',
                )
            )
        elif file.sending == "test" and file.test_to is None:
            self._fault(
                Fault(
                    ("sending",),
                    "test-to-missing",
                    '"sending" is test, but nobody is named to whom messages go',
                    remedy='write "test_to:" and your own number',
                )
            )

    def _block(self, block: type[Block], values: Json, path: tuple[str, ...]) -> bool:
        """Whether the mapping is right; a value that may be a template in a rule must be written out here."""
        if not isinstance(values, dict):
            faults = [
                Fault((), "wrong-type", f'"{path[-1]}" is {found(values)}', "a mapping of keys to values", _BELOW)
            ]
        else:
            faults = block_faults(block, values) or _templates(values, block)
        for fault in faults:
            self._fault(replace(fault, path=(*path, *fault.path)))
        return not faults

    def _fault(self, fault: Fault) -> None:
        places = self.source.places
        place = places.key(fault.path) if fault.at_key else places.value(fault.path)
        self.problems.append(Problem(fault.code, fault.message, place, expected=fault.expected, remedy=fault.remedy))


def _leaves(value: Json, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], Json]]:
    """Every text and number inside a value, with its path."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _leaves(part, (*path, key))
    if path and isinstance(value, str | int | float) and not isinstance(value, bool):
        yield path, value


def _templates(values: Mapping[str, Json], block: type[Block]) -> list[Fault]:
    return [
        Fault((key,), "no-template-here", f'"{key}" is {found(value)}', remedy="write the value itself here")
        for key, value in values.items()
        if stands_for_any(value) and not (isinstance(value, SecretRef) and block.fields()[key].secret)
    ]


def _filled(values: Mapping[str, Json], secret: Callable[[str], str]) -> dict[str, Any]:
    return {key: secret(value.name) if isinstance(value, SecretRef) else value for key, value in values.items()}
