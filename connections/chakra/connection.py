"""The connection to ChakraHQ: performs what `requests.py` asks for and says what surely came of it (promise P10)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from connections.chakra import requests
from connections.chakra.envelope import Envelope
from connections.chakra.errors import PAIR_LIMIT, RATE_LIMITS, code_in, reason, shy, wait
from connections.chakra.incoming import messages_in
from connections.chakra.listing import Listed, Look, Sent
from connections.chakra.paging import Pages
from connections.chakra.receipts import is_signed, receipts_in
from connections.pool.address import Host
from connections.pool.answer import Answer
from connections.pool.call import Call
from connections.pool.head import encoded
from connections.pool.outcome import judge, repeatable
from engine.plugin import (
    BOOLEAN,
    DURATION,
    TEXT,
    URL,
    Accepted,
    CannotTell,
    Clock,
    Connection,
    Finding,
    Incoming,
    Json,
    Kind,
    Limit,
    Operation,
    OtherSend,
    Outcome,
    Receipt,
    Refused,
    Request,
    Settlement,
    Simulation,
    TimeSaid,
    Tools,
    Unsure,
    Waiting,
    default,
    integer,
    optional,
    required,
)

if TYPE_CHECKING:
    import httpx

    from connections.pool.pool import Pool

T = TypeVar("T")

STATUSES: Final = ("INVALID", "NOT_STARTED", "SUCCESS", "ERROR")
MALFORMED: Final = "malformed-answer"
_LISTED_A_PAGE: Final = 100
_MOST_PAGES: Final = 50
_MOST_SKEW: Final = timedelta(seconds=30)
_TIME_EVERY: Final = timedelta(seconds=5)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_VERSION: Final = re.compile(r"v[0-9]{1,3}\.[0-9]{1,2}")


_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,100}|FILL IN")
"""What can stand in the path of a call, and what `init` writes; whether an id is one of Chakra's, `doctor` says."""


def _plugin_id(value: Json) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value.strip()):
        raise ValueError("expected a UUID such as d83e1d23-50b8-4d87-8f92-842a0ac516f6")
    return value.strip()


def _phone_number_id(value: Json) -> str:
    text = str(value).strip()
    if isinstance(value, bool) or not _WORD.fullmatch(text):
        not_it = "; it is not the phone number itself: " if text.startswith("+") else "; "
        raise ValueError(f"expected digits only{not_it}{_NUMBER_HELP}")
    return text


def _version(value: Json) -> str:
    if not isinstance(value, str) or not _VERSION.fullmatch(value):
        raise ValueError('expected a version such as "v19.0"')
    return value


_NUMBER_HELP: Final = "open WhatsApp Setup in Chakra and the gear icon of the number, and copy its id"
PLUGIN_ID: Final = Kind(
    "a UUID such as d83e1d23-50b8-4d87-8f92-842a0ac516f6",
    {"type": "string"},
    _plugin_id,
    "open WhatsApp Setup in Chakra, the 3-dot menu, and Copy Plugin Id",
)
PHONE_NUMBER_ID: Final = Kind("digits only", {"type": ["string", "integer"]}, _phone_number_id, _NUMBER_HELP)
VERSION: Final = Kind(
    'a version such as "v19.0"', {"type": "string"}, _version, "write v and the two numbers, or leave the line out"
)


class ChakraConnection(Connection):
    """Access to one ChakraHQ team: its background jobs and its WhatsApp number."""

    name = "chakra"
    receives = True
    simulated_settings: ClassVar[Mapping[str, Json]] = {
        "token": "simulator-token",
        "plugin_id": "d3e64510-b75a-43a0-8ae5-dde78dac56c0",
        "phone_number_id": "100000000000001",
    }

    base_url = default(URL, "https://api.chakrahq.com", "Where Chakra's API is")
    token = required(TEXT, "An access token from Admin, API Keys", secret=True)
    plugin_id = required(PLUGIN_ID, "The id of the WhatsApp plugin: WhatsApp Setup, 3-dot menu, Copy Plugin Id")
    phone_number_id = required(PHONE_NUMBER_ID, "The id of the sending number: WhatsApp Setup, the number's gear icon")
    api_version = default(VERSION, "v19.0", "The version of WhatsApp's Cloud API")
    waba_id = optional(TEXT, "The id of the WhatsApp Business account; doctor then also looks at its templates")
    allow_private = default(BOOLEAN, False, "Whether base_url may be plain http or this machine (for the simulator)")
    webhook_secret = optional(TEXT, "The HMAC secret from Admin, Team, Secrets; statuses must be signed", secret=True)
    messages_per_second = default(integer(1, 1000), 80, "How many messages a second WhatsApp lets the number send")
    seconds_per_contact = default(DURATION, timedelta(seconds=6), "How far apart messages to one contact are")
    contact_burst = default(integer(1, 45), 45, "How many messages to one contact may go ahead of that pace")
    timeout = default(DURATION, timedelta(seconds=10), "How long one call may take")
    settle_time = default(DURATION, timedelta(seconds=120), "How long after it was sent a message may still turn up")

    _transport: httpx.AsyncBaseTransport | None = None

    def check(self) -> list[tuple[str, str]]:
        """What is wrong between the settings."""
        faults = []
        if not self.base_url.startswith("https://") and not self.allow_private:
            says = (
                "base_url is not encrypted; expected https://; plain http is for tests only, with allow_private: true"
            )
            faults.append(("base_url", says))
        if not timedelta(milliseconds=10) <= self.timeout <= timedelta(seconds=60):
            says = f"timeout is {self.timeout.total_seconds():g} seconds; expected 0.01 to 60 seconds"
            faults.append(("timeout", f"{says}; write 10, or leave it out"))
        if self.seconds_per_contact < timedelta(seconds=1):
            says = "seconds_per_contact is too short; expected at least 1 second; WhatsApp's own limit is 6"
            faults.append(("seconds_per_contact", says))
        if self.settle_time < self.timeout:
            says = "settle_time is shorter than timeout; expected at least as long; write 120, or leave it out"
            faults.append(("settle_time", says))
        return [*faults, *self._address_faults()]

    def _address_faults(self) -> list[tuple[str, str]]:
        try:
            Host.of(self.base_url)
        except ValueError as fault:
            return [("base_url", f"{fault}; leave the line out: Chakra's address is known")]
        if "?" in self.base_url or "#" in self.base_url:
            return [("base_url", "base_url goes on behind a ? or #; expected an address; take away what follows it")]
        try:
            encoded({"Authorization": f"Bearer {self.token}"})
        except ValueError:
            says = "a token has only letters from a to z, digits and punctuation; copy it again from Admin, API Keys"
            return [("token", says)]
        return []

    @classmethod
    def simulated(cls, clock: Clock, settings: Mapping[str, Json], seed: int) -> Simulation:
        """This connection to a simulated Chakra in memory; only where it is and who may use it is not as set."""
        from connections.chakra.simulator.inside import inside

        return inside(cls, clock, settings, seed)

    async def open(self, tools: Tools) -> None:
        """Gets ready; nothing is sent yet."""
        from connections.pool.pool import Pool
        from connections.pool.transport import Limits

        seconds = self.timeout.total_seconds()
        limits = Limits(connect=min(5.0, seconds), read=seconds, write=seconds, whole=seconds)
        self._clock = tools.clock
        self._pool: Pool = Pool(tools.clock, limits, transport=self._transport)
        self._host = Host.of(self.base_url, "private" if self.allow_private else "public")
        self._root = "/".join(self.base_url.split("/")[3:]).rstrip("/")
        self._head = encoded({"Authorization": f"Bearer {self.token}", "Accept": "application/json"})
        self._json_head = self._head + encoded({"Content-Type": "application/json"})

    async def close(self) -> None:
        """Closes all connections."""
        await self._pool.close()

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        """Carries the request out once and says what surely happened."""
        if request.operation == requests.TEMPLATE:
            return await self._send(request, operation)
        if request.operation == requests.COUNTS:
            return repeatable(await self._counts(request))
        if request.operation == requests.ENTRIES:
            return repeatable(await self._entries(request))
        return Refused(f'Chakra has no operation "{request.operation}"')

    async def settle(
        self, request: Request, operation: Operation, attempted_at: datetime, others: Sequence[OtherSend] = ()
    ) -> Settlement:
        """Looks whether the message is among those that Chakra lists for its recipient."""
        if request.operation != requests.TEMPLATE or request.recipient is None:
            return CannotTell("Chakra does not list this", again=False)
        listed = await self._listed(requests.digits(request.recipient))
        if isinstance(listed, CannotTell):
            return listed
        sent = Sent(operation.op_id, request.body, "unsure", attempted_at)
        mine = [Sent.of(other) for other in others if other.operation == requests.TEMPLATE]
        items = [Listed.read(item) for item in listed]
        return Look(sent, mine, items, self._clock.now(), self.settle_time).settle()

    async def _listed(self, phone: str) -> list[Json] | CannotTell:
        """All messages of a conversation, or why not all of them could be read."""
        path = "/v1/ext/plugin/whatsapp/list-chat-messages-for-phone-number"
        found: list[Json] = []
        for page in range(1, _MOST_PAGES + 1):
            asked = {"customerPhoneNumber": phone, "limit": _LISTED_A_PAGE, "page": page}
            answer = await self._ask("POST", path, body=json.dumps(asked).encode())
            if not isinstance(answer, Answer):
                return CannotTell(getattr(answer, "reason", "the listing did not come"))
            if not 200 <= answer.status < 300:
                return CannotTell(reason(answer, self.token))
            try:
                envelope = Envelope.read(answer)
            except ValueError:
                return CannotTell("the listing cannot be read")
            if envelope.errors or not isinstance(envelope.data, list):
                return CannotTell("the listing cannot be read")
            if envelope.data and envelope.data[0] in found:
                return CannotTell("the listing shows the same page again and again")
            found += envelope.data
            if not envelope.data or len(found) == envelope.meta.get("total"):
                return found
        return CannotTell("the conversation is too long to be looked through")

    def read_receipts(self, headers: Mapping[str, str], body: bytes) -> list[Receipt] | str:
        """The statuses in a webhook, if it is signed as it should be."""
        return self._believed(headers, body, receipts_in)

    def read_messages(self, headers: Mapping[str, str], body: bytes) -> list[Incoming] | str:
        """The messages of contacts in a webhook, if it is signed as it should be."""
        return self._believed(headers, body, lambda raw: messages_in(raw, self.phone_number_id))

    def _believed(self, headers: Mapping[str, str], body: bytes, reader: Callable[[bytes], list[T]]) -> list[T] | str:
        """What is read of a webhook that is signed as it should be, or why it is not believed."""
        if self.webhook_secret and not is_signed(headers, body, self.webhook_secret):
            return "the signature X-Chakra-Signature-256 is missing or does not fit webhook_secret"
        try:
            return reader(body)
        except ValueError:
            return "the body is not JSON that can be read"

    def limits(self, request: Request) -> tuple[Limit, ...]:
        """WhatsApp's bounds on messages: for the sending number, and for each recipient (Meta's throughput pages)."""
        if request.recipient is None:
            return ()
        each, pace = self.messages_per_second, self.seconds_per_contact.total_seconds()
        pair = Limit(self._pair_key(request), 1 / pace, self.contact_burst, f"1 message in {pace:g} s to this contact")
        return pair, Limit(self._number_key(), each, each, f"{each} messages a second from this number")

    def _overrun(self, request: Request | None, code: int | None) -> str:
        """The limit that the answer to a message means."""
        if request is None:
            return ""
        return self._pair_key(request) if code == PAIR_LIMIT else self._number_key()

    def _number_key(self) -> str:
        return f"chakra/{self.phone_number_id}"

    def _pair_key(self, request: Request) -> str:
        return f"chakra/{self.phone_number_id}/{request.recipient}"

    def subject(self, request: Request) -> str:
        """Messages and jobs: each has limits of its own, and one may fail while the other works."""
        return "messages" if request.operation == requests.TEMPLATE else "jobs"

    def redirected(self, request: Request, to: str) -> Request:
        """The same message to another number, for `sending: test`."""
        return requests.redirected(request, to)

    async def _ask(
        self,
        method: str,
        path: str,
        request: Request | None = None,
        body: bytes = b"",
        operation: Operation | None = None,
    ) -> Answer | Outcome:
        limit = request.timeout.total_seconds() if request is not None and request.timeout else None
        head = self._json_head if body else self._head
        target = f"/{self._root}{path}" if self._root else path
        call = Call(self._host, method, target, head, body, timeout=limit)
        if operation is not None:
            call = call._replace(send_by=operation.send_by, is_stopped=operation.is_stopped)
        answer = await self._pool.ask(call)
        if isinstance(answer, Answer):
            self._hear_time(answer)
        return answer

    def _hear_time(self, answer: Answer) -> None:
        """Notes the time that Chakra says, from an answer now and then."""
        now = self._clock.now()
        if self.time_said is not None and abs(now - self.time_said.at) < _TIME_EVERY:
            return
        theirs = _date(answer)
        if theirs is not None:
            self.time_said = TimeSaid(theirs, now)

    async def _send(self, request: Request, operation: Operation) -> Outcome:
        plugin, number = requests.path_of(self.plugin_id), requests.path_of(self.phone_number_id)
        path = f"/v1/ext/plugin/whatsapp/{plugin}/api/{self.api_version}/{number}/messages"
        message = {**request.body, "biz_opaque_callback_data": f"{requests.OP_ID_MARK}{operation.op_id}"}
        body = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
        answer = await self._ask("POST", path, request, body, operation)
        if not isinstance(answer, Answer):
            return answer
        return self._sent(answer) if 200 <= answer.status < 300 else self._failed(answer, request, operation.attempt)

    def _sent(self, answer: Answer) -> Outcome:
        try:
            envelope = Envelope.read(answer)
        except ValueError:
            why = f"Chakra's answer cannot be read (status {answer.status}); the message may have been taken"
            return Unsure(why, answered=True)
        message_id = _message_id(envelope)
        failed = bool(envelope.whole.get("_errors"))
        if failed and not message_id:
            return Refused(reason(answer, self.token), {"status": answer.status, "code": code_in(answer)})
        if failed or not message_id:
            return Unsure(f"Chakra's answer names no message id (status {answer.status})", answered=True)
        return Accepted({"id": message_id}, f"message id {message_id}")

    def _failed(self, answer: Answer, request: Request | None = None, attempt: int = 1) -> Outcome:
        """The outcome of a status other than 2xx, with Chakra's own words; rate limits wait as long as they ask."""
        outcome = judge(answer, self._clock.now())
        code = code_in(answer)
        limited = 400 <= answer.status < 500 and answer.status != 408 and code in RATE_LIMITS
        if limited or answer.status == 429:
            return Waiting(
                reason(answer, self.token),
                wait(answer, self._clock.now(), attempt),
                "rate-limited",
                self._overrun(request, code),
                answered=True,
            )
        if isinstance(outcome, Refused):
            return Refused(reason(answer, self.token), {"status": answer.status, "code": code})
        if isinstance(outcome, Waiting):
            why = f"Chakra refused the token: {reason(answer, self.token)}"
            return Waiting(why, problem=outcome.problem, answered=True)
        return Unsure(reason(answer, self.token), answered=True)

    async def _counts(self, request: Request) -> Outcome:
        job = str(request.body["job"])
        answer = await self._ask("GET", f"/v1/ext/background-job/{requests.path_of(job)}", request)
        read = self._read(answer, job)
        if isinstance(read, Refused) and not _knows_no_job(answer):  # one odd answer must not end a watch
            return Waiting(read.reason, answered=True)
        if not isinstance(read, Envelope):
            return read
        try:
            return Accepted(_counted(job, read))
        except ValueError as fault:
            return Waiting(str(fault), problem=MALFORMED, answered=True)

    async def _entries(self, request: Request) -> Outcome:
        job, status = str(request.body["job"]), request.body.get("status")
        pages = Pages(job, int(request.body.get("skip", 0)), int(request.body.get("limit", requests.MOST_ENTRIES)))
        wanted = f"&completionStatus={requests.path_of(str(status))}" if status else ""
        base = f"/v1/ext/background-job/{requests.path_of(job)}/entries"
        while not (pages.full or pages.ended):
            answer = await self._ask("GET", f"{base}?skip={pages.skip}&limit={pages.page}{wanted}", request)
            if isinstance(answer, Answer) and answer.cut and pages.shorten():
                continue
            read = self._read(answer, job)
            if not isinstance(read, Envelope):
                return read
            try:
                pages.add(read)
            except ValueError as fault:
                return Waiting(str(fault), problem=MALFORMED, answered=True)
        return Accepted(pages.answer())

    def _read(self, answer: Answer | Outcome, job: str) -> Envelope | Outcome:
        """The envelope of a read's answer, or why there is none."""
        if not isinstance(answer, Answer):
            return answer
        if answer.status == 404:
            return Refused(f"Chakra knows no such job: {shy(job)}", {"status": 404})
        if not 200 <= answer.status < 300:
            return self._failed(answer)
        try:
            envelope = Envelope.read(answer)
        except ValueError:
            return Waiting("Chakra's answer is not the JSON that it should be", problem=MALFORMED, answered=True)
        if not envelope.errors:
            return envelope
        if any("not found" in error.lower() for error in envelope.errors):
            return Refused(reason(answer, self.token), {"status": answer.status, "code": None})
        return Waiting(reason(answer, self.token), problem="failing", answered=True)

    async def doctor(self) -> list[Finding]:
        """Looks whether Chakra can be reached, takes the token, agrees about the time, and whether ids look right."""
        answer = await self._ask("GET", "/v1/health")
        if not isinstance(answer, Answer):
            why = getattr(answer, "reason", "it cannot be reached")
            remedy = "look at base_url in the settings, and at this machine's network"
            return [Finding("Chakra", False, why, remedy), *self._ids()]
        reached = Finding("Chakra", True, f"{self._host.name} answers")
        return [reached, *await self._token(answer), *self._skew(answer), *self._ids()]

    async def _token(self, health: Answer) -> list[Finding]:
        answer: Answer | Outcome = health
        if self.waba_id:
            waba = requests.path_of(self.waba_id)
            path = f"/v1/ext/plugin/whatsapp/api/{self.api_version}/{waba}/message_templates?limit=1"
            answer = await self._ask("GET", path)
        status = answer.status if isinstance(answer, Answer) else 0
        if status in (401, 403):
            remedy = "create a token in Chakra (Admin, API Keys), put it into secrets.yaml, and restart rulewheel"
            return [Finding("Token", False, f"Chakra refuses the token (status {status})", remedy)]
        if status == 200:
            return [Finding("Token", True, "Chakra takes the token")]
        return [Finding("Token", True, f"could not be tried (status {status}); the first call will show")]

    def _skew(self, answer: Answer) -> list[Finding]:
        theirs = _date(answer)
        if theirs is None:
            return []
        skew = abs(theirs - self._clock.now())
        seconds = round(skew.total_seconds())
        if skew <= _MOST_SKEW:
            return [Finding("Clock", True, f"within {seconds} s of Chakra's")]
        return [Finding("Clock", False, f"{seconds} s away from Chakra's", "set this machine's clock (NTP)")]

    def _ids(self) -> list[Finding]:
        plugin = bool(_UUID.fullmatch(self.plugin_id))
        number = self.phone_number_id.isascii() and self.phone_number_id.isdigit()
        whole = "WhatsApp Setup, 3-dot menu, Copy Plugin Id"
        return [
            Finding("plugin_id", plugin, "looks right" if plugin else "is not a UUID", "" if plugin else whole),
            Finding(
                "phone_number_id",
                number,
                "looks right" if number else "is not a number",
                "" if number else "WhatsApp Setup, the number's gear icon; it is not the phone number itself",
            ),
        ]


def _date(answer: Answer) -> datetime | None:
    """When the other side made the answer, by its own clock."""
    try:
        found = parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _knows_no_job(answer: Answer | Outcome) -> bool:
    """Whether an answer that `_read` takes for a refusal says that there is no such job, and not something else."""
    return isinstance(answer, Answer) and (answer.status == 404 or 200 <= answer.status < 300)


def _message_id(envelope: Envelope) -> str:
    """Chakra's own place for the id, else Meta's (both are seen in the wild); empty when neither holds one."""
    data = envelope.data if isinstance(envelope.data, Mapping) else {}
    messages = envelope.whole.get("messages", data.get("messages"))
    first = messages[0] if isinstance(messages, list) and messages and isinstance(messages[0], Mapping) else {}
    for found in (data.get("whatsappMessageId"), first.get("id")):
        if isinstance(found, str) and 0 < len(found) <= 512 and found.isprintable():
            return found
    return ""


def _counted(job: str, envelope: Envelope) -> dict[str, Json]:
    """A job's counts. Raises ValueError when they are no counts (the source: api-11531337; zero may be left out)."""
    if not isinstance(envelope.data, Mapping):
        raise ValueError("Chakra's answer holds no job")
    if "bjEntryCompletionStatusVsCount" not in envelope.meta:  # taken for zeros it would fire rules a second time
        raise ValueError("Chakra's answer holds no counts of entries")
    given = envelope.meta["bjEntryCompletionStatusVsCount"] or {}
    if not isinstance(given, Mapping) or not all(_is_count(count) for count in given.values()):
        raise ValueError("Chakra's answer holds no counts of entries")
    counts = {**dict.fromkeys(STATUSES, 0), **given}
    total = sum(counts.values())
    unknown = any(count for status, count in counts.items() if status not in STATUSES)
    finished = total > 0 and not counts["NOT_STARTED"] and not unknown
    return {"id": job, "counts": counts, "total": total, "state": "finished" if finished else "running"}


def _is_count(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
