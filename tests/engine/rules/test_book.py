from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.problem import Place, Problem
from engine.rules.book import RuleFile, Shelf, make_book, newest_change, read_tree
from engine.rules.model import Book
from tests.engine.rules.plugins import KNOWN


def rule(name: str, action: str = "log.write", message: str = "x") -> str:
    return f"- id: {name}\n  triggers: []\n  actions:\n    - action: {action}\n      data: {{message: {message}}}\n"


def file(name: str, *rules: str) -> RuleFile:
    return RuleFile(f"rules/{name}", "".join(rules).encode())


def book(*files: RuleFile, last: Book | None = None) -> Book:
    return make_book(files, Shelf(KNOWN), last.programs if last else {})


GOOD = book(file("a.yaml", rule("one"), rule("two")), file("b.yaml", rule("three")))


def test_a_book_holds_the_rules_of_all_files() -> None:
    assert sorted(GOOD.programs) == ["one", "three", "two"]
    assert (GOOD.problems, GOOD.stale, GOOD.sources) == ((), frozenset(), {})


def test_a_rule_with_a_mistake_keeps_its_last_good_version_and_the_others_move_on() -> None:
    after = book(
        file("a.yaml", rule("one", "log.writ"), rule("two", message="new")), file("b.yaml", rule("three")), last=GOOD
    )

    assert after.stale == {"one"}
    assert after.programs["one"] is GOOD.programs["one"]
    assert after.programs["two"].body["actions"][0]["data"] == {"message": "new"}
    assert [problem.code for problem in after.problems] == ["unknown-action"]
    assert list(after.sources) == ["rules/a.yaml"]


@pytest.mark.parametrize("broken", ["- id: [", "ruls: {}\n", "- triggers: []\n  actions: []\n", "- just text\n"])
def test_a_file_that_cannot_be_understood_keeps_all_its_last_rules(broken: str) -> None:
    after = book(file("a.yaml", broken), file("b.yaml", rule("three")), last=GOOD)

    assert after.stale == {"one", "two"}
    assert sorted(after.programs) == ["one", "three", "two"]


def test_a_file_that_cannot_be_read_keeps_its_last_rules() -> None:
    problem = Problem("file-unreadable", "no", Place("rules/a.yaml", 1, 1))

    after = book(RuleFile("rules/a.yaml", problem=problem), file("b.yaml", rule("three")), last=GOOD)

    assert after.stale == {"one", "two"}
    assert after.problems == (problem,)


def test_a_folder_that_cannot_be_read_keeps_all_rules() -> None:
    problem = Problem("file-unreadable", "no", Place("rules", 1, 1))

    assert book(RuleFile("rules", problem=problem), last=GOOD).stale == GOOD.programs.keys()


def test_a_rule_that_was_taken_out_is_gone() -> None:
    after = book(file("a.yaml", rule("one")), file("b.yaml", rule("three", "log.writ")), last=GOOD)

    assert sorted(after.programs) == ["one", "three"]
    assert book(last=GOOD).programs == {}


def test_a_rule_that_moves_to_another_file_with_a_mistake_keeps_its_last_version() -> None:
    after = book(file("a.yaml", rule("two")), file("b.yaml", rule("three"), rule("one", "log.writ")), last=GOOD)

    assert after.stale == {"one"}


def test_of_two_files_with_one_id_the_first_counts_and_both_places_are_told() -> None:
    both = book(file("a.yaml", rule("one")), file("b.yaml", rule("one", message="second")))
    (problem,) = both.problems

    assert both.programs["one"].file == "rules/a.yaml"
    assert problem.place
    assert (problem.place.file, problem.also[0][0].file) == ("rules/b.yaml", "rules/a.yaml")


def test_of_two_files_with_one_id_the_one_that_had_it_before_keeps_it() -> None:
    after = book(file("a.yaml", rule("three", message="thief")), file("b.yaml", rule("three")), last=GOOD)

    assert after.programs["three"].file == "rules/b.yaml"


def test_only_files_that_changed_are_checked_again() -> None:
    shelf = Shelf(KNOWN)
    files = [file("a.yaml", rule("one")), file("b.yaml", rule("two"))]
    first = make_book(files, shelf, {})

    second = make_book([files[0], file("b.yaml", rule("two", message="new"))], shelf, first.programs)

    assert second.programs["one"] is first.programs["one"]
    assert second.programs["two"] is not first.programs["two"]


def tree(folder: Path, *names: str) -> Path:
    root = folder / "rules"
    root.mkdir()
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def names(root: Path) -> list[str]:
    return [read.name for read in read_tree(root) if read.problem is None]


def test_every_yaml_file_below_the_folder_is_read_and_nothing_else(tmp_path: Path) -> None:
    root = tree(
        tmp_path, "b.yaml", "a.yml", "shop/pune/c.yaml", "a_test.yaml", "notes.txt", ".git/d.yaml", ".e.yaml",
        "blueprints/f.yaml", "blueprints/automation/g.yaml",
    )  # fmt: skip

    assert names(root) == [
        "rules/a.yml", "rules/b.yaml", "rules/blueprints/automation/g.yaml", "rules/blueprints/f.yaml",
        "rules/shop/pune/c.yaml",
    ]  # fmt: skip
    assert [read.blueprint for read in read_tree(root)] == ["", "", "automation/g.yaml", "f.yaml", ""]
    assert read_tree(root)[1].content == b"b.yaml"


def test_a_link_that_leaves_the_folder_is_refused_and_not_read(tmp_path: Path) -> None:
    root = tree(tmp_path, "a.yaml")
    (tmp_path / "outside.yaml").write_text("secret")
    (tmp_path / "elsewhere").mkdir()
    (root / "out.yaml").symlink_to(tmp_path / "outside.yaml")
    (root / "away").symlink_to(tmp_path / "elsewhere")

    problems = {read.name: read.problem.code for read in read_tree(root) if read.problem}

    assert problems == {"rules/out.yaml": "file-outside", "rules/away": "file-outside"}
    assert all(b"secret" not in read.content for read in read_tree(root))


def test_a_link_inside_the_folder_is_read_once(tmp_path: Path) -> None:
    root = tree(tmp_path, "a.yaml", "..data/hidden.yaml")
    (root / "twin.yaml").symlink_to(root / "a.yaml")
    (root / "visible.yaml").symlink_to(root / "..data" / "hidden.yaml")
    (root / "shortcut").symlink_to(root / "..data")

    assert [read.content for read in read_tree(root) if read.content] == [b"a.yaml", b"..data/hidden.yaml"]


def test_what_is_no_file_is_a_problem_and_does_not_block(tmp_path: Path) -> None:
    root = tree(tmp_path, "a.yaml")
    os.mkfifo(root / "pipe.yaml")
    (root / "gone.yaml").symlink_to(root / "nothing.yaml")

    problems = [(read.name, read.problem.code) for read in read_tree(root) if read.problem]

    assert problems == [("rules/gone.yaml", "file-unreadable"), ("rules/pipe.yaml", "file-unreadable")]


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (read,) = read_tree(tmp_path / "rules")

    assert read.problem
    assert read.problem.message == f"there is no rules folder {tmp_path / 'rules'}"
    assert (read.problem.place, read.problem.remedy) == (None, "look at rules: in the settings")


def test_the_newest_change_is_that_of_the_rule_file_written_last(tmp_path: Path) -> None:
    assert newest_change(tmp_path) is None
    assert newest_change(tmp_path / "nowhere") is None
    for name, at in (("a.yaml", 1_000), ("b.yaml", 2_000), ("notes.txt", 3_000)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (at, at))
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere.yaml")
    assert newest_change(tmp_path) == datetime.fromtimestamp(2_000, UTC)
