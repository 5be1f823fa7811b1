"""A problem that stays is told by a real daemon over real SMTP, once, and once more when it has cleared."""

from __future__ import annotations

from tests.acceptance.installation import Installation
from tests.acceptance.patience import until
from tests.connections.test_mail import Server

SETTINGS = """\
  mail: {{host: 127.0.0.1, port: {port}, encryption: none, from: rulewheel@example.com}}
notices: {{after: 0.5, mail_to: ops@example.com}}
"""
BROKEN = "- id: o\n  triggers: [{trigger: event, event_type: go}]\n  actions: [{action: no.such}]\n"
MENDED = "- id: o\n  triggers: [{trigger: event, event_type: go}]\n  actions: [{stop: well}]\n"


async def test_somebody_gets_a_mail_about_a_broken_rule_and_another_when_it_was_mended(
    installation: Installation,
) -> None:
    server = Server()

    async def mails(count: int) -> list[str]:
        return [str(mail["Subject"]) for mail in server.mails] if len(server.mails) >= count else []

    async with server.listening() as port:
        with installation.settings.open("a", encoding="utf-8") as settings:
            settings.write(SETTINGS.format(port=port))
        installation.rule(BROKEN)
        async with installation.daemon():
            await until(lambda: mails(1))
            installation.rule(MENDED)
            assert await until(lambda: mails(2)) == ["rulewheel: 1 problem", "rulewheel: 1 cleared"]
    assert "no.such" in server.mails[0].get_content()
