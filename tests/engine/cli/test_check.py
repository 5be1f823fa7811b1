from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.cli.home import HOOK, Home, data, said, told

BROKEN = """\
- id: broken
  triggers: [{trigger: job.entries, job: any, status: ERRORS, above: 25}]
  actions: [{action: log.write, data: {message: "many"}}]
"""


def test_the_rules_of_the_settings_are_checked_wherever_one_stands_below_them(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.rule(HOOK, "hook.yaml")
    monkeypatch.chdir(home.rules)
    assert told("check") == "2 rules in 2 files, no problems\n"


def test_a_problem_is_shown_with_place_line_and_remedy_and_exits_1(home: Home) -> None:
    (home.rules / "team").mkdir()
    home.rule(BROKEN, "team/broken.yaml")
    result = said("check")
    assert result.exit_code == 1
    assert result.output.startswith("rules/team/broken.yaml:2:55: error[")
    assert "2 |   triggers: [{trigger: job.entries, job: any, status: ERRORS, above: 25}]" in result.output
    assert "ERROR" in result.output
    assert result.output.endswith("\n2 rules in 2 files, 1 problem\n")


def test_files_and_folders_may_be_named_and_each_is_looked_at_once(home: Home) -> None:
    home.rule(BROKEN, "broken.yaml")
    assert told("check", "rules/import_errors.yaml") == "1 rule in 1 file, no problems\n"
    assert "2 rules in 2 files" in said("check", "rules", "rules/broken.yaml", home.rules).output


BLUEPRINT = """\
blueprint: {name: A, domain: automation, input: {hook: }}
triggers: [{trigger: webhook, webhook_id: !input hook}]
actions: [{action: log.write, data: {message: "called"}}]
"""
MADE = "- id: made\n  use_blueprint: {path: a.yaml, input: {hook: x}}\n"


@pytest.mark.parametrize("path", ["blueprints/a.yaml", "blueprints/automation/a.yaml"])
def test_blueprints_are_checked_with_the_folder_for_themselves_and_with_a_rule_that_uses_one(
    home: Home, path: str
) -> None:
    (home.rules / path).parent.mkdir(parents=True)
    (home.rules / path).write_text(BLUEPRINT, encoding="utf-8")
    home.rule(MADE, "made.yaml")
    assert told("check") == "2 rules in 3 files, no problems\n"
    assert told("check", "rules/made.yaml") == "1 rule in 2 files, no problems\n"
    assert told("check", f"rules/{path}") == "0 rules in 1 file, no problems\n"
    assert told("check", "rules/blueprints") == "0 rules in 1 file, no problems\n"
    (home.rules / path).write_text(BLUEPRINT.replace("log.write", "log.wrte"), encoding="utf-8")
    for paths in (["rules"], ["rules/made.yaml"], [f"rules/{path}"], ["rules/blueprints"]):
        result = said("check", *paths)
        assert result.exit_code == 1
        assert result.output.startswith(f"rules/{path}:3:20: error[unknown-action]")
        assert ("--> rules/made.yaml:2:3: used here" in result.output) == ("blueprints" not in paths[0])


def test_a_file_elsewhere_keeps_the_name_that_it_was_given(
    home: Home, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "broken.yaml"
    elsewhere.write_text(BROKEN, encoding="utf-8")
    assert said("check", elsewhere).output.startswith(f"{elsewhere}:2:")


def test_without_settings_this_folder_is_checked_and_hosts_and_secrets_are_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call = "{url: https://shop.example/orders, headers: {authorization: !secret shop_key}}"
    rule = HOOK.replace('log.write, data: {message: "started"}', f"http.request, data: {call}")
    Path("a.yaml").write_text(rule, encoding="utf-8")
    assert told("check") == "1 rule in 1 file, no problems\n"


def test_json_says_the_same_to_programs(home: Home) -> None:
    assert data("check") == {"rules": 1, "entities": 0, "files": 1, "problems": []}
    home.rule(BROKEN)
    result = said("check", "--format", "json")
    (problem,) = json.loads(result.output)["problems"]
    assert result.exit_code == 1
    assert problem["place"] == {"file": "rules/import_errors.yaml", "line": 2, "column": 55, "length": 6}


def test_a_warning_is_told_and_does_not_fail(home: Home) -> None:
    ids = "plugin_id: 9aefeafc-a1c1-4d27-a0c6-10f66a25a80a, phone_number_id: '1'"
    home.settings(f"connections: {{chakra: {{token: !secret t, {ids}}}}}\nsending: live\n")
    secrets = home.folder / "secrets.yaml"
    secrets.write_text("t: x\n", encoding="utf-8")
    secrets.chmod(0o644)
    result = said("check")
    assert result.exit_code == 0
    assert "warning[secrets-too-open]" in result.stderr


def test_what_is_wrong_with_the_settings_is_in_the_json_too(home: Home) -> None:
    home.settings("sending: lve\n")
    result = said("check", "--format", "json")
    assert result.exit_code == 2
    assert result.stderr == ""
    told_of = json.loads(result.stdout)
    assert (told_of["rules"], [problem["code"] for problem in told_of["problems"]]) == (0, ["not-allowed"])
    home.settings("sending: live\n")
    secrets = home.folder / "secrets.yaml"
    secrets.write_text("t: x\n", encoding="utf-8")
    secrets.chmod(0o644)
    home.rule(BROKEN)
    codes = [problem["code"] for problem in json.loads(said("check", "--format", "json").stdout)["problems"]]
    assert codes[0] == "secrets-too-open"
    assert len(codes) == 2


@pytest.mark.parametrize("words", [("nowhere",), ("rules", "nowhere.yaml")])
def test_what_is_not_there_exits_2(home: Home, words: tuple[str, ...]) -> None:
    result = said("check", *words)
    assert result.exit_code == 2
    assert "there is no nowhere" in result.output
    assert "name a file or folder of rules" in result.output


def test_a_rules_folder_that_is_not_there_exits_2(home: Home) -> None:
    home.settings("sending: live\nrules: nowhere\n")
    result = said("check")
    assert result.exit_code == 2
    assert "there is no rules folder" in result.stderr
    assert "look at rules: in the settings" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_exits_2(home: Home) -> None:
    (home.rules / "import_errors.yaml").chmod(0)
    result = said("check", "rules/import_errors.yaml")
    assert result.exit_code == 2
    assert "Permission denied" in result.output


def test_broken_settings_exit_2_with_the_line(home: Home) -> None:
    home.settings("sendin: live\n")
    result = said("check")
    assert result.exit_code == 2
    assert 'did you mean "sending"?' in result.stderr
    assert "1 | sendin: live" in result.stderr


def test_settings_that_are_not_there_exit_2(home: Home) -> None:
    result = said("check", "--settings", "other.yaml")
    assert result.exit_code == 2
    assert "there is no file other.yaml" in result.stderr


def test_a_link_out_of_the_folder_is_a_problem_with_the_name_that_one_sees(home: Home, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(HOOK, encoding="utf-8")
    (home.rules / "link.yaml").symlink_to(outside)
    result = said("check")
    assert result.exit_code == 1
    assert result.output.startswith("rules/link.yaml:1:1: error[file-outside]")


def test_a_message_masks_a_number_and_the_line_of_the_file_shows_it_in_both_forms_alike(home: Home) -> None:
    rule = HOOK.replace("log.write", "whatsapp.send_template").replace("message:", "to: +919876543210, mesage:")
    home.rule(rule)
    text = said("check").output
    problems = json.loads(said("check", "--format", "json").output)["problems"]
    assert "log.write" not in text
    assert "to: +919876543210, mesage" in text
    for problem in problems:
        assert "9876543210" not in problem["message"]
        for sentence in (problem["message"], problem["expected"], problem["remedy"]):
            assert sentence in text


def test_nothing_is_imported_that_checking_does_not_need(home: Home) -> None:
    heavy = ("httpx", "httpcore", "uvicorn", "uvloop", "rich", "sqlite3", "apscheduler.schedulers", "engine.daemon")
    code = f"""if True:
        import sys, engine.cli
        engine.cli.main(["check"], standalone_mode=False)
        print([name for name in {heavy!r} if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "1 rule in 1 file, no problems\n[]\n"


def test_entities_are_counted_apart(home: Home) -> None:
    home.rule("counter: {a: , b: }\nsensors: {c: {state: x}}\n", "entities.yaml")
    assert told("check") == "1 rule and 3 entities in 2 files, no problems\n"
    home.rule("counter: {a: }\n", "entities.yaml")
    assert told("check") == "1 rule and 1 entity in 2 files, no problems\n"
