from __future__ import annotations

from pathlib import Path

import pytest

from engine.problem import ProblemError
from engine.secret import Secrets, read_secrets


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "secrets.yaml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_secrets_are_names_with_texts(tmp_path: Path) -> None:
    secrets, problems = read_secrets(written(tmp_path, 'token: "abc"\npin: 1234\n'))

    assert problems == ()
    assert secrets.names == {"token", "pin"}
    assert (secrets.value("token"), secrets.value("pin")) == ("abc", "1234")


def test_values_never_show() -> None:
    secrets = Secrets("secrets.yaml", {"token": "canary-1"})

    assert "canary-1" not in f"{secrets} {secrets!r}"
    assert repr(secrets) == "Secrets(token)"


def test_a_missing_secret_names_the_nearest_and_shows_no_value() -> None:
    secrets = Secrets("secrets.yaml", {"chakra_token": "canary-2"})

    with pytest.raises(ProblemError) as raised:
        secrets.value("chakra_tokn")

    (problem,) = raised.value.problems
    assert problem.remedy == 'did you mean "chakra_token"?'
    assert "canary-2" not in f"{problem!r}{raised.value}"
    assert "add a line" in Secrets("secrets.yaml").missing("x").remedy


def test_a_file_that_is_not_there_has_no_secrets(tmp_path: Path) -> None:
    secrets, problems = read_secrets(tmp_path / "secrets.yaml")

    assert (secrets.names, problems) == (frozenset(), ())


def test_a_file_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    secrets, (problem,) = read_secrets(written(tmp_path, "a: b\n", 0o644))

    assert (problem.code, problem.severity) == ("secrets-too-open", "warning")
    assert "0644" in problem.message
    assert secrets.value("a") == "b"


def test_no_problem_shows_a_word_of_the_file(tmp_path: Path) -> None:
    for text in (
        'token: "canary-3',
        "token: canary-3: x\n",
        "- canary-3\n",
        "canary-3",
        "a: [canary-3]\n",
        "a: true\n",
    ):
        _, problems = read_secrets(written(tmp_path, text))

        assert problems, text
        assert "canary-3" not in "".join(map(repr, problems)), text


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    path.mkdir()

    assert read_secrets(path)[1][0].code == "file-unreadable"


@pytest.mark.parametrize(
    ("written_as", "flaw"),
    [
        ('""', "is empty"),
        ('" "', "is empty"),
        ('"canary\\n"', "has a line break"),
        ("|\n  canary\n", "has a line break"),
        ('" canary"', "begins or ends with a blank"),
        ('"canary "', "begins or ends with a blank"),
    ],
)
def test_a_secret_that_cannot_be_one_is_told_by_name_and_file_without_its_value(
    tmp_path: Path, written_as: str, flaw: str
) -> None:
    _, (problem,) = read_secrets(written(tmp_path, f"other: x\ntoken: {written_as}"))

    assert (problem.code, problem.message) == ("bad-secret", f'the secret "token" {flaw}')
    assert problem.place is not None
    assert (Path(problem.place.file).name, problem.place.line) == ("secrets.yaml", 2)
    assert "canary" not in str(problem) + problem.expected


def test_a_name_given_twice_shows_both_lines(tmp_path: Path) -> None:
    _, (problem,) = read_secrets(written(tmp_path, "a: canary-4\nb: x\na: canary-5\n"))
    assert (problem.message, problem.remedy) == ("this name is given twice", "keep one of the two lines")
    assert problem.place is not None
    assert sorted([problem.place.line, *(place.line for place, _ in problem.also)]) == [1, 3]


def test_every_mistake_says_what_to_do(tmp_path: Path) -> None:
    for text in ('token: "x', "token: a: b", "- a", "x", "a: [b]", "a: true", "a: 1\na: 2", 'a: ""', "\ta: b"):
        _, problems = read_secrets(written(tmp_path, text))
        assert problems, text
        assert all(problem.remedy for problem in problems), text
