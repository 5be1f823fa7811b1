from __future__ import annotations

import pytest

from connections.chakra.envelope import Envelope
from connections.chakra.paging import MOST_BYTES, Pages
from engine.plugin import Json


def page(*ids: str, total: Json = None, data: Json = None) -> Envelope:
    entries = [{"id": name, "completionStatus": "ERROR", "data": data, "createdAt": 1} for name in ids]
    return Envelope({}, entries, {"total": total} if total is not None else {})


def test_pages_end_at_the_total() -> None:
    pages = Pages("j", 0, 1000)
    pages.add(page("a", "b", total=3))
    before = (pages.ended, pages.skip)
    pages.add(page("c", total=3))
    assert (*before, pages.ended) == (False, 2, True)
    answer = pages.answer()
    assert ([entry["id"] for entry in answer["entries"]], answer["total"], answer["next"]) == (["a", "b", "c"], 3, None)


def test_pages_end_at_an_empty_one_when_the_total_counts_the_whole_job() -> None:
    pages = Pages("j", 0, 1000)
    pages.add(page("a", total=770))
    pages.add(page(total=770))
    assert pages.ended


def test_the_total_may_change_while_paging() -> None:
    pages = Pages("j", 0, 1000)
    pages.add(page("a", "b", total=3))
    pages.add(page("c", "d", total=6))
    before = pages.ended
    pages.add(page("e", total=5))
    assert (before, pages.ended, pages.answer()["total"]) == (False, True, 5)


def test_an_entry_that_comes_twice_is_kept_once_and_the_same_page_again_ends_the_reading() -> None:
    pages = Pages("j", 0, 1000)
    pages.add(page("a", "b", total=True))
    pages.add(page("b", "c"))
    before = pages.ended
    pages.add(page("b", "c"))
    assert (before, pages.ended) == (False, True)
    assert len(pages.answer()["entries"]) == 3


def test_no_more_is_kept_than_asked_for() -> None:
    pages = Pages("j", 10, 2)
    assert pages.page == 2
    pages.add(page("a", "b", "c", total=99))
    assert (pages.full, pages.answer()["next"], len(pages.answer()["entries"])) == (True, 12, 2)


def test_no_more_is_kept_than_memory_allows() -> None:
    pages = Pages("j", 0, 1000)
    pages.add(page("a", "b", "c", data="x" * (MOST_BYTES // 2)))
    assert (pages.full, len(pages.answer()["entries"]), pages.answer()["next"]) == (True, 2, 2)


def test_pages_become_shorter_until_they_cannot() -> None:
    pages = Pages("j", 0, 1000)
    sizes = [pages.page]
    while pages.shorten():
        sizes.append(pages.page)
    assert sizes == [100, 25, 6, 1]


@pytest.mark.parametrize("data", [None, {}, "x", [1], [None]])
def test_what_is_no_list_of_entries_is_a_value_error(data: Json) -> None:
    with pytest.raises(ValueError, match="no list of entries"):
        Pages("j", 0, 10).add(Envelope({}, data))


def test_of_an_entry_only_what_rules_use_is_kept() -> None:
    pages = Pages("j", 0, 10)
    pages.add(page("a"))
    assert pages.answer()["entries"] == [
        {
            "id": "a",
            "status": "ERROR",
            "message": None,
            "result": None,
            "validation_status": None,
            "validation_message": None,
            "data": None,
        }
    ]
