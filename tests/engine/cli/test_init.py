from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from engine.cli.doctor import STARTER_NUMBER
from engine.cli.init import _zone_of_machine
from engine.settings import load_settings
from tests.engine.cli.home import said, told


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "shop"


def test_what_it_makes_is_found_right_and_reaches_nobody(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = told("init", "shop", "--time-zone", "Asia/Kolkata")
    assert "cd shop" in text
    assert "rulewheel doctor" in text
    monkeypatch.chdir(folder)
    assert told("check") == "1 rule in 1 file, no problems\n"
    settings = load_settings(folder / "rulewheel.yaml").settings
    assert settings is not None
    assert (settings.sending, settings.test_to, settings.time_zone) == ("test", STARTER_NUMBER, "Asia/Kolkata")


def test_secrets_are_for_their_owner_only_and_out_of_the_reach_of_git(folder: Path) -> None:
    told("init", "shop")
    assert (folder / "secrets.yaml").stat().st_mode & 0o777 == 0o600
    assert not (folder / "rules" / "secrets.yaml").exists()
    assert "secrets.yaml" in (folder / "rules" / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
def test_the_rules_folder_is_a_git_repository_and_one_that_is_there_stays(folder: Path) -> None:
    assert "(a git repository)" in told("init", "shop")
    assert (folder / "rules" / ".git" / "HEAD").exists()
    other = folder.parent / "other"
    (other / "rules" / ".git").mkdir(parents=True)
    assert "(a git repository)" in told("init", "other")
    assert not (other / "rules" / ".git" / "HEAD").exists()


def test_without_git_it_is_a_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "git repository" not in told("init", "shop")
    assert not (folder / "rules" / ".git").exists()


def test_an_editor_finds_the_schema_that_lies_beside_the_rules(folder: Path) -> None:
    told("init", "shop")
    editor = json.loads((folder / "rules" / ".vscode" / "settings.json").read_text(encoding="utf-8"))
    (schema,) = editor["yaml.schemas"]
    assert (folder / "rules" / schema).read_text(encoding="utf-8") == told("schema")
    assert editor["yaml.customTags"] == ["!secret scalar", "!input scalar"]


def test_in_this_folder_nothing_is_said_about_going_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert "cd " not in told("init")
    assert (folder / "rules" / "import_errors.yaml").exists()


def test_what_is_there_already_is_not_touched(folder: Path) -> None:
    folder.mkdir()
    (folder / "rulewheel.yaml").write_text("mine", encoding="utf-8")
    result = said("init", "shop")
    assert result.exit_code == 2
    assert "shop/rulewheel.yaml is there already" in result.output
    assert "nothing was changed" in result.output
    assert [path.name for path in folder.iterdir()] == ["rulewheel.yaml"]
    told("init", "other")
    assert "and 8 more" in said("init", "other").output


def test_a_zone_that_there_is_not_is_refused_with_the_nearest(folder: Path) -> None:
    result = said("init", "shop", "--time-zone", "Asia/Kolkatta")
    assert result.exit_code == 2
    assert "Asia/Kolkata" in result.output
    assert not folder.exists()


@pytest.mark.parametrize(
    ("target", "zone"),
    [
        ("usr/share/zoneinfo/Asia/Kolkata", "Asia/Kolkata"),
        ("usr/share/zoneinfo/Not/Here", "UTC"),
        ("etc/other", "UTC"),
    ],
)
def test_the_zone_is_the_one_of_the_machine_where_it_says_so(tmp_path: Path, target: str, zone: str) -> None:
    link = tmp_path / "localtime"
    link.symlink_to(tmp_path / target)
    assert _zone_of_machine(link) == zone


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_a_problem(folder: Path) -> None:
    folder.mkdir(mode=0o500)
    result = said("init", "shop")
    assert result.exit_code == 2
    assert "Permission denied" in result.output


def test_a_folder_that_cannot_be_made_is_a_problem(folder: Path) -> None:
    folder.mkdir()
    (folder / "rules").write_text("a file", encoding="utf-8")
    result = said("init", "shop")
    assert result.exit_code == 2
    assert "cannot be written" in result.output
