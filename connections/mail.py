"""Mail over SMTP: what surely did not go out waits, what may have gone out is unsure."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from contextlib import suppress
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from engine.plugin import (
    DURATION,
    TEXT,
    Accepted,
    Connection,
    Finding,
    Operation,
    Outcome,
    Refused,
    Request,
    Tools,
    Unsure,
    Waiting,
    choice,
    default,
    integer,
    optional,
    required,
)

PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


class MailConnection(Connection):
    """Performs `send`: {to: [addresses], subject, text}, over an SMTP server of yours.

    Answer: {"id"}, the Message-ID, which is made from the op_id.
    """

    name = "mail"

    host = required(TEXT, "The SMTP server")
    port = optional(integer(1, 65_535), "Its port; without it 587, for tls 465, for none 25")
    encryption = default(choice("starttls", "tls", "none"), "starttls", "How the connection is encrypted")
    user = optional(TEXT, "The name to sign in with")
    password = optional(TEXT, "The password to sign in with", secret=True)
    sender = required(TEXT, "The address that mail comes from", key="from")
    timeout = default(DURATION, timedelta(seconds=10), "How long each step of a delivery may take")

    def check(self) -> list[tuple[str, str]]:
        """What is wrong between the settings."""
        faults = []
        if self.user and self.encryption == "none":
            faults.append(("encryption", "a password is only sent over an encrypted connection; write starttls or tls"))
        if bool(self.user) != bool(self.password):
            faults.append(("user", "user and password belong together; write both or none"))
        return faults

    async def open(self, tools: Tools) -> None:
        """Gets ready; nothing is sent yet."""
        self._clock = tools.clock

    async def perform(self, request: Request, operation: Operation) -> Outcome:
        """Delivers one mail to all its recipients, or to none."""
        if request.operation != "send":
            return Refused(f'mail has no operation "{request.operation}"')
        try:
            message = self._message(request, operation)
        except ValueError as fault:  # an address or a subject with a line break in it
            return Refused(f"not sent: {fault}")
        server = await asyncio.to_thread(self._ready)
        if not isinstance(server, smtplib.SMTP):
            return server
        if await operation.is_stopped():
            await asyncio.to_thread(_goodbye, server)
            return Waiting("not sent: sending is stopped")
        return await asyncio.to_thread(self._deliver, server, message, list(request.body["to"]))

    async def doctor(self) -> list[Finding]:
        """Looks whether the server can be reached and takes the password."""
        try:
            server = await asyncio.to_thread(self._server)
        except (smtplib.SMTPException, OSError) as fault:
            return [Finding("Mail", False, self._said(fault), "look at connections.mail in the settings")]
        await asyncio.to_thread(_goodbye, server)
        return [Finding("Mail", True, f"{self.host} answers")]

    def _message(self, request: Request, operation: Operation) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = ", ".join(request.body["to"])
        message["Subject"] = str(request.body["subject"])
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{operation.op_id}@rulewheel>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(str(request.body["text"]))
        return message

    def _ready(self) -> smtplib.SMTP | Outcome:
        """A server that would take a mail now, or why there is none."""
        try:
            return self._server()
        except smtplib.SMTPAuthenticationError as fault:
            return Waiting(self._said(fault), problem="token-refused", answered=True)
        except (smtplib.SMTPException, OSError) as fault:
            return Waiting(self._said(fault), problem="unreachable")

    def _deliver(self, server: smtplib.SMTP, message: EmailMessage, to: list[str]) -> Outcome:
        try:
            return self._addressed(server, to) or self._handed_over(server, message)
        finally:
            _goodbye(server)

    def _server(self) -> smtplib.SMTP:
        """A connection that is encrypted and signed in as the settings say."""
        port, seconds = self.port or PORTS[self.encryption], self.timeout.total_seconds()
        if self.encryption == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, port, timeout=seconds, context=_trust())
        else:
            server = smtplib.SMTP(self.host, port, timeout=seconds)
        try:
            if self.encryption == "starttls":
                server.starttls(context=_trust())
            if self.user and self.password:
                server.login(self.user, self.password)
            server.ehlo_or_helo_if_needed()
        except BaseException:
            _goodbye(server)
            raise
        return server

    def _addressed(self, server: smtplib.SMTP, to: list[str]) -> Outcome | None:
        """Names sender and recipients; an outcome only when that ends it. Nothing of the mail has gone out yet."""
        try:
            for code, says in (server.mail(self.sender), *(server.rcpt(each) for each in to)):
                if code // 100 != 2:
                    return self._turned_away(code, says)
        except (smtplib.SMTPException, OSError) as fault:
            return Waiting(self._said(fault), problem="unreachable")
        return None

    def _handed_over(self, server: smtplib.SMTP, message: EmailMessage) -> Outcome:
        try:
            code, says = server.data(message.as_bytes())
        except smtplib.SMTPDataError as fault:
            return self._turned_away(fault.smtp_code, fault.smtp_error)
        except (smtplib.SMTPException, OSError) as fault:
            return Unsure(self._said(fault))
        if code // 100 != 2:
            return self._turned_away(code, says)
        return Accepted({"id": message["Message-ID"]}, f"the server took it (SMTP {code})")

    def _turned_away(self, code: int, says: bytes | str) -> Outcome:
        """5xx is for good, 4xx for now (RFC 5321, 4.2.1)."""
        text = says.decode("utf-8", "replace") if isinstance(says, bytes) else says
        reason = f"{self.host}: {text} (SMTP {code})"
        if code // 100 == 5:
            return Refused(reason, {"code": code})
        return Waiting(reason, problem="failing", answered=True)

    def _said(self, fault: Exception) -> str:
        if isinstance(fault, smtplib.SMTPAuthenticationError):
            return f"{self.host} does not take user and password (SMTP {fault.smtp_code})"
        return f"{self.host} cannot be used: {fault or type(fault).__name__}"


def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _goodbye(server: smtplib.SMTP) -> None:
    with suppress(smtplib.SMTPException, OSError):
        server.quit()
    server.close()
