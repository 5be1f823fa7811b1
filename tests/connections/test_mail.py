from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from connections.mail import MailConnection
from engine.field import FieldError
from engine.plugin import Accepted, Operation, Outcome, Refused, Request, Tools, Unsure, Waiting

FROM = "rulewheel@example.com"
OPERATION = Operation("0" * 31 + "1")


class Server:
    """A small SMTP server on loopback; `says` are its answers by command where they are not the usual ones."""

    def __init__(self, **says: str) -> None:
        self.mails: list[EmailMessage] = []
        self.commands: list[str] = []
        self.says = {name.upper(): text for name, text in says.items()}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example\r\n")
        while line := (await reader.readline()).decode().strip():
            command = line.split(":")[0].split(" ")[0].upper()
            self.commands.append(line)
            usual = "354 go on" if command == "DATA" else "221 bye" if command == "QUIT" else "250 fine"
            said = self.says.get(command, usual)
            if said == "hang up":
                break
            writer.write(f"{said}\r\n".encode())
            if said.startswith("354"):
                body = await reader.readuntil(b"\r\n.\r\n")
                end = self.says.get("END", "250 taken")
                if end == "hang up":
                    break
                if end.startswith("2"):
                    self.mails.append(message_from_bytes(body[:-5], policy=policy.default))
                writer.write(f"{end}\r\n".encode())
            if command == "QUIT":
                break
        writer.close()
        await writer.wait_closed()


async def sent(
    port: int, subject: str = "hello", to: tuple[str, ...] = ("ops@example.com",), **settings: str
) -> Outcome:
    values = {"host": "127.0.0.1", "port": port, "from": FROM, "encryption": "none", "timeout": 5, **settings}
    connection = MailConnection(values)
    await connection.open(Tools())
    return await connection.perform(
        Request("mail", "send", {"to": list(to), "subject": subject, "text": "Grüße"}), OPERATION
    )


async def test_once_sending_is_stopped_no_mail_is_handed_over() -> None:
    async def is_stopped() -> bool:
        return True

    server = Server()
    async with server.listening() as port:
        connection = MailConnection({"host": "127.0.0.1", "port": port, "from": FROM, "encryption": "none"})
        await connection.open(Tools())
        request = Request("mail", "send", {"to": ["ops@example.com"], "subject": "hello", "text": "hello"})
        outcome = await connection.perform(request, Operation(OPERATION.op_id, is_stopped=is_stopped))
    assert outcome == Waiting("not sent: sending is stopped")
    assert [line for line in server.commands if line.startswith(("mail", "DATA"))] == []


async def test_a_mail_reaches_all_its_recipients_under_the_name_of_its_send() -> None:
    server = Server()
    async with server.listening() as port:
        outcome = await sent(port, to=("ops@example.com", "boss@example.com"))
    assert isinstance(outcome, Accepted)
    (mail,) = server.mails
    assert (mail["From"], mail["To"], mail["Subject"]) == (FROM, "ops@example.com, boss@example.com", "hello")
    assert mail["Message-ID"] == f"<{OPERATION.op_id}@rulewheel>"
    assert mail.get_content().strip() == "Grüße"
    assert [line for line in server.commands if line.startswith("rcpt")] == [
        "rcpt TO:<ops@example.com>",
        "rcpt TO:<boss@example.com>",
    ]


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        ({"rcpt": "550 nobody of this name"}, Refused),
        ({"rcpt": "451 try later"}, Waiting),
        ({"mail": "hang up"}, Waiting),
        ({"data": "554 no"}, Refused),
        ({"end": "552 too big"}, Refused),
        ({"end": "452 no room"}, Waiting),
        ({"end": "hang up"}, Unsure),
        ({"ehlo": "hang up"}, Waiting),
    ],
)
async def test_only_what_may_have_gone_out_is_unsure(says: dict[str, str], outcome: type) -> None:
    server = Server(**says)
    async with server.listening() as port:
        assert type(await sent(port)) is outcome
    assert server.mails == []


async def test_a_server_that_is_not_there_is_waited_for() -> None:
    async with Server().listening() as port:
        pass
    outcome = await sent(port)
    assert isinstance(outcome, Waiting)
    assert outcome.problem == "unreachable"


async def test_a_password_is_never_sent_in_the_open() -> None:
    server = Server()
    async with server.listening() as port:
        outcome = await sent(port, encryption="starttls", user="me", password="pass word")
    assert isinstance(outcome, Waiting)
    assert not any("AUTH" in line.upper() for line in server.commands)
    with pytest.raises(FieldError, match="only sent over an encrypted connection"):
        MailConnection({"host": "h", "from": FROM, "user": "me", "password": "p", "encryption": "none"})
    with pytest.raises(FieldError, match="belong together"):
        MailConnection({"host": "h", "from": FROM, "user": "me"})


async def test_a_subject_cannot_smuggle_in_another_header() -> None:
    outcome = await sent(1, subject="hello\nBcc: all@example.com")
    assert isinstance(outcome, Refused)
    connection = MailConnection({"host": "h", "from": FROM})
    assert isinstance(await connection.perform(Request("mail", "read", {}), OPERATION), Refused)


async def test_doctor_says_whether_the_server_answers() -> None:
    async with Server().listening() as port:
        values = {"host": "127.0.0.1", "port": port, "from": FROM, "encryption": "none", "timeout": 5}
        (finding,) = await MailConnection(values).doctor()
        assert finding.well
    (finding,) = await MailConnection(values).doctor()
    assert not finding.well
