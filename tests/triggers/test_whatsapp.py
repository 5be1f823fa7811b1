"""What contacts write to us, and the step that waits for it."""

from __future__ import annotations

from typing import Any

import pytest

from engine.testing import World
from tests.triggers.listening import heard, listening

ASHA, RAVI = "+919876543210", "+919876500000"


async def write(w: World, sender: str, text: str = "", **more: Any) -> None:
    """A contact writes, and Chakra tells of it."""
    answer = await w.webhook("connection/chakra", json=w.simulator.contacts.write(sender, text, **more))
    assert answer.status == 200


@pytest.mark.parametrize("form", ["meta", "chakra"])
async def test_a_message_is_told_in_either_format(form: str) -> None:
    async with listening("{trigger: whatsapp.message}") as w:
        await write(w, ASHA, "Hello", name="Asha", form=form)
        (told,) = heard(w)
        assert [told[key] for key in ("from", "name", "type", "text", "payload")] == [
            ASHA,
            "Asha",
            "text",
            "Hello",
            None,
        ]
        assert told["at"] == w.now.replace(microsecond=0).isoformat()


async def test_a_message_that_is_told_twice_counts_once_also_after_a_restart() -> None:
    async with listening("{trigger: whatsapp.message}") as w:
        for form in ("meta", "chakra", "meta"):
            await write(w, ASHA, "Hello", message_id="wamid.1", form=form)
            await w.restart()
        await write(w, ASHA, "Hello", message_id="wamid.2")
        assert len(heard(w)) == 2


@pytest.mark.parametrize(
    ("trigger", "fires"),
    [
        ("{trigger: whatsapp.message, type: button}", ["b"]),
        ("{trigger: whatsapp.message, payload: [stop, no]}", ["b"]),
        ("{trigger: whatsapp.message, payload: yes_please}", []),
        (f'{{trigger: whatsapp.message, from: "{RAVI}"}}', ["c"]),
        ("{trigger: whatsapp.message, type: [text, button]}", ["a", "b", "c"]),
    ],
)
async def test_only_what_is_asked_for_fires(trigger: str, fires: list[str]) -> None:
    async with listening(trigger) as w:
        await write(w, ASHA, "a")
        await write(w, ASHA, "b", button="stop")
        await write(w, RAVI, "c")
        assert [told["text"] for told in heard(w)] == fires


async def test_messages_of_one_contact_can_be_counted() -> None:
    count = '{trigger: count, of: {trigger: whatsapp.message}, times: 3, within: 600, per: "{{ trigger.from }}"}'
    async with listening(count) as w:
        for sender in (ASHA, RAVI, ASHA, ASHA):
            await write(w, sender, "?")
        assert [told["key"] for told in heard(w)] == [ASHA]


ASK = f"""
- id: ask
  triggers: [{{trigger: event, event_type: go}}]
  mode: parallel
  actions:
    - action: whatsapp.send_template
      data: {{to: "{ASHA}", template: import_failed, language: en, body: [a, b]}}
    - wait_for_reply:
      timeout: {{hours: 2}}
    - stop: "{{{{ wait.reply.text if wait.completed else 'silence' }}}}"
"""


async def asking(w: World, text: str = ASK) -> None:
    await w.load({"ask.yaml": text})
    assert "ask" in w.engine.programs, w.problems
    await w.fire("go")
    assert w.running("ask") == 1


async def test_a_run_waits_for_the_reply_of_whom_it_has_written_to_over_restarts() -> None:
    async with World() as w:
        await asking(w)
        await w.restart()
        await write(w, RAVI, "no")
        await w.restart()
        await w.advance(3600)
        assert w.running("ask") == 1
        await write(w, ASHA, "yes", form="chakra")
        assert [(run.outcome, run.reason) for run in w.runs("ask")] == [("finished", "yes")]


async def test_the_time_is_up_without_a_reply() -> None:
    async with World() as w:
        await asking(w)
        await w.advance(7200)
        assert [(run.outcome, run.reason) for run in w.runs("ask")] == [("finished", "silence")]
        await write(w, ASHA, "too late")


async def test_without_continue_on_timeout_the_run_ends() -> None:
    async with World() as w:
        await asking(w, ASK.replace("timeout: {hours: 2}", "timeout: 60\n      continue_on_timeout: false"))
        await w.advance(60)
        assert [run.outcome for run in w.runs("ask")] == ["aborted"]


async def test_from_names_whose_reply_is_meant_and_may_stand_below() -> None:
    other = f"wait_for_reply: {{from: \"{{{{ '{RAVI}' }}}}\"}}"
    async with World() as w:
        await asking(w, ASK.replace("wait_for_reply:", other))
        await write(w, ASHA, "me?")
        assert w.running("ask") == 1
        await write(w, RAVI, "yes")
        assert [run.reason for run in w.runs("ask")] == ["yes"]


async def test_a_second_telling_of_the_first_reply_is_no_second_reply() -> None:
    twice = ASK.replace("    - stop:", "    - wait_for_reply:\n      timeout: 60\n    - stop:")
    async with World() as w:
        await asking(w, twice)
        await write(w, ASHA, "first", message_id="wamid.1")
        await write(w, ASHA, "first", message_id="wamid.1", form="chakra")
        assert w.running("ask") == 1
        await write(w, ASHA, "second")
        assert [run.reason for run in w.runs("ask")] == ["second"]


async def test_a_message_that_came_before_the_wait_is_no_reply_when_it_is_told_again() -> None:
    async with World() as w:
        await w.load({"ask.yaml": ASK})
        await write(w, ASHA, "before", message_id="wamid.0")
        await w.fire("go")
        await write(w, ASHA, "before", message_id="wamid.0")
        assert w.running("ask") == 1


async def test_with_sending_test_the_reply_is_that_of_the_test_number() -> None:
    async with World(settings={"sending": "test", "test_to": RAVI}) as w:
        await asking(w, ASK.replace("wait_for_reply:", f'wait_for_reply:\n      from: "{ASHA}"'))
        await write(w, RAVI, "tested")
        assert [run.reason for run in w.runs("ask")] == ["tested"]


async def test_a_run_that_has_written_to_nobody_waits_for_nobody() -> None:
    text = "- id: ask\n  triggers: {trigger: event, event_type: go}\n  actions: [{wait_for_reply: }]\n"
    async with World() as w:
        await w.load({"a.yaml": text})
        await w.fire("go")
        (run,) = w.runs("ask")
        assert (run.outcome, "from:" in run.reason) == ("error", True)


async def test_each_of_two_runs_that_wait_for_a_contact_hears_of_the_message() -> None:
    async with World() as w:
        await asking(w)
        await w.fire("go")
        await write(w, ASHA, "yes")
        assert [run.reason for run in w.runs("ask")] == ["yes", "yes"]


async def test_a_webhook_that_is_not_signed_tells_nothing() -> None:
    settings = {"connections": {"chakra": {"webhook_secret": "s3cret"}}}
    async with World(settings=settings) as w:
        body = w.simulator.contacts.write(ASHA, "hi")
        assert (await w.webhook("connection/chakra", json=body)).status == 403
