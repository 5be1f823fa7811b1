"""Background jobs: the documented answers, entries that agree with the counts, plans that move with the clock."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from connections.chakra.simulator import Linear, Settings, Steps
from connections.chakra.simulator.jobs import EXAMPLE
from connections.chakra.simulator.plans import STATUSES, plan_from_json
from engine.problem import ProblemError
from tests.connections.chakra.simulator.conftest import Account

DOCUMENTED = Path(__file__).parents[3] / "data" / "background-job-entries.example.json"
JOB = "/v1/ext/background-job"


def counts(account: Account, job: str) -> dict[str, int]:
    return dict(account.get(f"{JOB}/{job}").json()["_meta"]["bjEntryCompletionStatusVsCount"])


def all_entries(account: Account, job: str, **query: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    while True:
        page = account.get(f"{JOB}/{job}/entries", skip=str(len(found)), limit="100", **query).json()
        found += page["_data"]
        if not page["_data"] or len(found) >= page["_meta"]["total"]:
            return found


def test_the_documented_entries_come_back_to_the_letter(account: Account) -> None:
    answer = account.get(f"{JOB}/{EXAMPLE}/entries", skip="0", limit="2")
    assert answer.json() == json.loads(DOCUMENTED.read_text(encoding="utf-8"))
    assert answer.json()["_meta"]["next"].endswith("?skip=2limit=2")


def test_the_documented_job_answers_as_documented_and_its_counts_add_up_to_its_entries(account: Account) -> None:
    answer = account.get(f"{JOB}/{EXAMPLE}").json()
    assert answer["_data"] == {
        "id": EXAMPLE,
        "createdAt": 1617966536211,
        "updatedAt": 1617966536211,
        "startedAt": 1617966536210,
        "team": "d3e64510-b75a-43a0-8ae5-dde78dac56c0",
        "type": "bulk_api_job",
    }
    assert sum(answer["_meta"]["bjEntryCompletionStatusVsCount"].values()) == 770


def test_a_job_or_path_that_does_not_exist_is_a_404_in_plain_text(account: Account) -> None:
    for path in (f"{JOB}/nobody", f"{JOB}/nobody/entries", "/v1/ext/nothing"):
        answer = account.get(path)
        assert (answer.status, answer.body) == (404, b"Not Found")


def test_a_linear_plan_works_entries_off_and_leaves_zero_counts_out(account: Account) -> None:
    account.simulator.jobs.add("import", 770, Linear(seconds=10, errors=0.05, invalid=0.01))
    assert counts(account, "import") == {"NOT_STARTED": 770}
    account.clock.move(5)
    assert counts(account, "import") == {"INVALID": 3, "NOT_STARTED": 385, "SUCCESS": 362, "ERROR": 20}
    account.clock.move(5)
    assert counts(account, "import") == {"INVALID": 7, "SUCCESS": 724, "ERROR": 39}


@pytest.mark.parametrize("plan", [Linear(10, 0.07, 0.03), Steps(((2, {"SUCCESS": 9, "ERROR": 2}), (6, {"ERROR": 5})))])
def test_entries_agree_with_the_counts_at_every_moment(account: Account, plan: Linear | Steps) -> None:
    account.simulator.jobs.add("import", 230, plan)
    for _ in range(12):
        found = Counter(str(entry["completionStatus"]) for entry in all_entries(account, "import"))
        assert found == counts(account, "import")
        for status in STATUSES:
            assert len(all_entries(account, "import", completionStatus=status)) == found[status]
        account.clock.move(1)


def test_an_entry_keeps_its_id_and_its_status_once_it_has_one(account: Account) -> None:
    account.simulator.jobs.add("import", 200, Linear(10, errors=0.1))
    seen: dict[object, object] = {}
    for _ in range(11):
        for entry in all_entries(account, "import"):
            before = seen.get(entry["id"], "NOT_STARTED")
            assert before in ("NOT_STARTED", entry["completionStatus"])
            seen[entry["id"]] = entry["completionStatus"]
        account.clock.move(1)
    assert len(seen) == 200


def test_the_total_may_change_while_somebody_pages(account: Account) -> None:
    account.simulator.jobs.add("import", 10, Steps(((0, {"SUCCESS": 10}), (1, {"SUCCESS": 25}))))
    assert account.get(f"{JOB}/import/entries", limit="5").json()["_meta"]["total"] == 10
    account.clock.move(1)
    page = account.get(f"{JOB}/import/entries", skip="5", limit="5").json()
    assert page["_meta"] == {"total": 25, "next": f"{JOB}/import/entries?skip=10limit=5"}


def test_counts_can_be_set_and_hold_exactly(account: Account) -> None:
    account.simulator.jobs.set_counts("import", {"ERROR": 26, "WORKING": 1})
    assert counts(account, "import") == {"ERROR": 26, "WORKING": 1}
    account.clock.move(1)
    account.simulator.jobs.set_counts("import", {"SUCCESS": 3})
    assert counts(account, "import") == {"SUCCESS": 3}
    assert [entry["completionStatus"] for entry in all_entries(account, "import")] == ["SUCCESS"] * 3


def test_what_total_counts_under_a_filter_is_a_setting() -> None:
    totals = []
    for settings in (Settings(), Settings(entries_total="all")):
        account = Account(settings)
        totals.append(account.get(f"{JOB}/{EXAMPLE}/entries", completionStatus="ERROR").json()["_meta"]["total"])
    assert totals == [3, 770]


@pytest.mark.parametrize("query", [{"skip": "x"}, {"limit": "0"}, {"skip": "-1"}, {"completionStatus": "DONE"}])
def test_a_query_that_makes_no_sense_is_refused_in_the_envelope(account: Account, query: dict[str, str]) -> None:
    answer = account.get(f"{JOB}/{EXAMPLE}/entries", **query)
    assert answer.status == 400
    assert answer.json()["_errors"]


def test_pages_are_never_longer_than_the_longest_allowed(account: Account) -> None:
    assert len(account.get(f"{JOB}/{EXAMPLE}/entries", limit="1000").json()["_data"]) == 100


def test_a_job_can_be_read_from_a_file_and_start_later(account: Account) -> None:
    account.simulator.jobs.load({"id": "late", "entries": 10, "plan": {"linear": {"seconds": 1}}, "delay": 5})
    account.clock.move(5)
    assert counts(account, "late") == {"NOT_STARTED": 10}
    account.clock.move(1)
    assert counts(account, "late") == {"SUCCESS": 10}
    assert plan_from_json({"steps": [[0, {"ERROR": 3}]]}) == Steps(((0.0, {"ERROR": 3}),))


@pytest.mark.parametrize(
    "job", [{}, {"id": "a"}, {"id": "a", "entries": 3, "plan": {"linar": {}}}, {"id": "a", "counts": {"ERROR": "many"}}]
)
def test_a_job_that_cannot_be_read_says_what_was_expected(account: Account, job: dict[str, object]) -> None:
    with pytest.raises(ProblemError, match=r"no `id`|cannot be read"):
        account.simulator.jobs.load(job)
