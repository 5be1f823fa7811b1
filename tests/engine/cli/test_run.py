from __future__ import annotations

import json
import signal
import sys

from engine.journal.owner import Owner
from tests.acceptance.process import Process
from tests.engine.cli.home import Home, said


async def test_it_runs_the_rules_until_it_is_told_to_stop(home: Home) -> None:
    settings = str(home.folder / "rulewheel.yaml")
    command = [sys.executable, "-m", "engine.cli", "run", "--settings", settings, "--log-format", "json"]
    with Process(command) as process:
        ready = json.loads((await process.says(r'(?m)^.*"message": "ready".*$'))[0])
        process.signal(signal.SIGTERM)
        assert await process.ends() == 0
    assert (ready["level"], ready["rules"]) == ("info", "1")
    assert json.loads(process.output.splitlines()[-1])["message"] == "stopped"


def test_a_state_that_another_one_has_ends_it_with_a_plain_sentence(home: Home) -> None:
    home.keep()
    owner = Owner(home.folder / "state" / "journal.db", "rulewheel run")
    try:
        result = said("run")
    finally:
        owner.release()
    assert result.exit_code == 2
    assert "already in use by 'rulewheel run'" in result.stderr


def test_broken_settings_end_it_before_anything_is_touched(home: Home) -> None:
    home.settings("sendin: live\n")
    result = said("run")
    assert result.exit_code == 2
    assert "error   settings  code=unknown-key" in result.stderr
    assert "rulewheel.yaml:1:1" in result.stderr
    (line,) = [json.loads(line) for line in said("run", "--log-format", "json").stderr.splitlines()]
    assert (line["level"], line["code"], line["remedy"]) == ("error", "unknown-key", 'did you mean "sending"?')


def test_a_secret_in_the_settings_is_not_shown(home: Home) -> None:
    home.settings("sending: live\nconnections: {chakra: {token: EAAGcanary, plugin_id: EAAGcanary}}\n")
    for words in (("run",), ("run", "--log-format", "json"), ("check",), ("check", "--format", "json"), ("doctor",)):
        result = said(*words)
        assert result.exit_code == 2
        assert "canary" not in result.output
    assert not (home.folder / "state").exists()
