"""The rule of the main job, and background jobs to try it on."""

from __future__ import annotations

from uuid import uuid4

from tests.acceptance.chakra import Chakra

TEMPLATE = "import_failed"


def import_rule(*, rule: str = "import_errors", job: str = "any", above: int = 25, to: str = "+919876543210") -> str:
    """The rule as its user writes it, but looking every second."""
    return f"""\
- id: {rule}
  alias: Tell the team when an import goes wrong
  triggers:
    - trigger: job.entries
      job: {job}
      status: ERROR
      above: {above}
      every: 1
  actions:
    - action: whatsapp.send_template
      data:
        to: "{to}"
        template: {TEMPLATE}
        language: en
        body: ["{{{{ trigger.count }}}}", "{{{{ trigger.job.id }}}}"]
"""


WATCH_RULE = """\
- id: watch_imports
  triggers: [{trigger: webhook, webhook_id: import_started}]
  actions: [{action: job.watch, data: {job: "{{ trigger.json.event }}"}}]
"""


def new_import(chakra: Chakra, *, seconds: float = 2, errors: float = 0.1, entries: int = 770) -> str:
    """A background job that no other test has; gives its id."""
    job = f"import-{uuid4().hex[:8]}"
    chakra.job(id=job, entries=entries, plan={"linear": {"seconds": seconds, "errors": errors}})
    return job


def failed_import(chakra: Chakra, errors: int = 26) -> str:
    """A background job that has gone wrong already and goes on."""
    job = f"import-{uuid4().hex[:8]}"
    chakra.job(id=job, counts={"ERROR": errors, "SUCCESS": 700, "NOT_STARTED": 44})
    return job


def says(count: object, job: str) -> str:
    """The message as the customer reads it."""
    return (
        f"Import {job} has {count} failed entries. Please have a look before the next import starts.\nSent by rulewheel"
    )
