"""`rulewheel simulate` as a process and as a command line."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from connections.chakra.commands import COMMANDS, simulate
from engine.problem import ProblemError

START = [sys.executable, "-c", "from connections.chakra.commands import simulate; simulate()"]
ROOT = Path(__file__).parents[4]


def test_it_prints_where_it_listens_serves_the_files_and_ends_cleanly(tmp_path: Path) -> None:
    jobs, faults, templates = (tmp_path / name for name in ("jobs.yaml", "faults.json", "templates.yaml"))
    jobs.write_text("- {id: spring, counts: {ERROR: 26}}\n", encoding="utf-8")
    faults.write_text('[{"kind": "status", "match": "health", "status": 503}]', encoding="utf-8")
    templates.write_text("- {name: hi, language: en, components: [{type: BODY, text: Hi}]}\n", encoding="utf-8")
    files = ["--jobs", str(jobs), "--faults", str(faults), "--templates", str(templates)]
    with subprocess.Popen([*START, *files, "--token", "t1"], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        assert (ready["token"], ready["url"]) == ("t1", f"http://127.0.0.1:{ready['port']}")
        with httpx.Client(base_url=ready["url"], headers={"authorization": "Bearer t1"}, trust_env=False) as client:
            state = client.get("/_simulator/state").json()
            assert client.get("/v1/health").status_code == 503
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert (state["jobs"]["spring"], state["templates"][-1]) == ({"ERROR": 26}, "hi (en)")


def test_a_file_or_port_that_will_not_do_is_said_plainly(tmp_path: Path) -> None:
    mapping, broken = tmp_path / "mapping.yaml", tmp_path / "broken.yaml"
    mapping.write_text("id: spring\n", encoding="utf-8")
    broken.write_text("[", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        errors = [failure("--jobs", str(mapping)), failure("--jobs", str(broken)), failure("--port", port)]
    assert f"{mapping}:1:1" in errors[0]
    assert "this is no list of jobs, faults or templates" in errors[0]
    assert f"{broken}:1:" in errors[1]
    assert "yaml" not in errors[1].replace("broken.yaml", "")
    assert f"port {port} cannot be opened" in errors[2]


def failure(*arguments: str) -> str:
    result = CliRunner().invoke(simulate, arguments)
    assert isinstance(result.exception, ProblemError)
    return str(result.exception)


@pytest.mark.parametrize("port", ["-1", "65536", "99999999"])
def test_a_port_is_one_that_machines_have(port: str) -> None:
    result = CliRunner().invoke(simulate, ["--port", port])
    assert (result.exit_code, "0<=x<=65535" in result.output) == (2, True)


def test_an_empty_token_is_refused() -> None:
    result = CliRunner().invoke(simulate, ["--token", "t1", "--token", ""])
    assert (result.exit_code, "a token is not empty" in result.output) == (2, True)


def test_a_file_that_cannot_be_read_is_said_plainly(tmp_path: Path) -> None:
    no_text = tmp_path / "no_text.yaml"
    no_text.write_bytes(b"- id: caf\xe9\n")
    assert "not UTF-8" in failure("--faults", str(no_text))


def test_a_rate_limit_has_two_numbers() -> None:
    result = CliRunner().invoke(simulate, ["--rate-limit", "fast"])
    assert (result.exit_code, "PER_SECOND:BURST" in result.output) == (2, True)


def test_the_command_is_listed_and_its_help_has_an_example() -> None:
    assert simulate in COMMANDS
    assert "rulewheel simulate --port 8090 --jobs" in CliRunner().invoke(simulate, ["--help"]).output
