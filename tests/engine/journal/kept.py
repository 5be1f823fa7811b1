"""A state file of each released version, kept for ever: what people have on their disks must open (promise P26).

When a release has new migrations, `python -m tests.engine.journal.kept` adds the file of its version: a state in which
a whole rulewheel has lived through a little, with rows of every kind.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from connections.chakra.simulator import Linear
from engine.journal import file
from engine.journal.sqlite import SqliteJournal
from engine.records import Changes, CommandRecord, EffectRecord, EventRecord, InboxRecord, ProblemRecord
from engine.testing import World

FOLDER = Path(__file__).parent / "states"
CUSTOMER = "+14155550123"
RULES = """
- id: welcome
  mode: parallel
  max_sends: {hour: 100}
  cooldown: "00:00:10"
  triggers:
    - trigger: webhook
      webhook_id: new_customer
      dedupe: "{{ trigger.json.id }}"
  actions:
    - action: whatsapp.send_template
      data: {to: "{{ trigger.json.phone }}", template: import_failed, language: en, body: ["26", "j7"]}
    - action: log.write
      data: {message: "{{ trigger.json.name }} was greeted"}
    - delay: "00:01:00"
- id: many_errors
  triggers: [{trigger: job.entries, job: any, status: ERROR, above: 3, for: "01:00:00"}]
  actions: [{action: log.write, data: {message: many}}]
- id: at_nine
  triggers: [{trigger: time, at: "09:00:00"}]
  actions: [{action: log.write, data: {message: morning}}]
"""


def kept(version: int) -> Path:
    """Where the state file of this version is kept."""
    return FOLDER / f"v{version}.sqlite"


async def live(path: Path) -> None:
    """Writes a state by running those rules; one run is over, one waits, and some things are only half done."""
    journal = SqliteJournal.open(path, owner="tests.engine.journal.kept")
    async with World(time_zone="Asia/Kolkata", journal=journal) as world:
        await world.load({"rules.yaml": RULES})
        job = world.simulator.jobs.add("j7", 10, Linear(errors=0.5)).id
        await world.set_state(f"job.{job}", "watched", {"named": True})
        for number in (1, 2):
            await world.webhook("new_customer", json={"id": f"c{number}", "phone": CUSTOMER, "name": "Asha"})
            await world.advance(45)
        now = world.now
        (event,) = await journal.page(EventRecord, None, 1)
        (send,) = await journal.page(EffectRecord, None, 1)
        half_done = [
            send._replace(op_id=f"{state:0>32}", state=state, answer=None, ended=None, due=now + timedelta(minutes=1))
            for state in ("queued", "intent", "waiting", "unsure")
        ]
        taken_in = event._replace(id="taken-in", state="new", cause=send.run, depth=1)
        outcome = InboxRecord("outcome", send.run, send.token, "outcome", {"op_id": send.op_id, "state": "accepted"})
        problem = ProblemRecord("connection/chakra/rate-limited", "rate-limited", "too many requests", now, None)
        command = CommandRecord("command", "watch-job", {"job": "j8"}, now)
        await journal.commit(Changes(put=[*half_done, taken_in, outcome, problem, command]))
    await journal.close()


def main() -> None:
    """Adds the file of the newest version; what is kept already stays."""
    target = kept(file.migrations()[-1].number)
    if target.exists():
        raise SystemExit(f"{target} is kept already, and is never made again")
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "journal.db"
        asyncio.run(live(state))
        shutil.copyfile(state, target)


if __name__ == "__main__":
    main()
