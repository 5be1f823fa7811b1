from __future__ import annotations

import json
import re
import stat

import pytest

from engine.web.key import webhook_key
from engine.web.webhooks import hook_path
from tests.engine.cli.home import HOOK, Home, data, said, told


def test_each_webhook_has_the_path_at_which_the_daemon_listens(home: Home) -> None:
    home.settings("sending: live\nlisten: {webhooks: 127.0.0.1:8321}\n")
    home.rule(HOOK, "hook.yaml")
    key = home.folder / "state" / "webhook.key"
    result = said("webhooks")
    assert re.fullmatch(
        r"webhook .*\nimport_started  POST, PUT  http://127\.0\.0\.1:8321/hook/[0-9a-f]{64}\n", result.output
    )
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert hook_path(webhook_key(key.parent), "import_started") in result.output
    assert told("webhooks") == result.output


def test_the_address_by_which_others_reach_this_machine_goes_before_it(home: Home) -> None:
    home.rule(HOOK)
    (found,) = data("webhooks", "--base", "https://hooks.example/")
    assert found["address"].startswith("https://hooks.example/hook/")


@pytest.mark.parametrize("base", ["foo", "", "https://", "ftp://hooks.example", "https://hooks example"])
def test_what_is_no_address_does_not_go_before_it(home: Home, base: str) -> None:
    home.rule(HOOK)
    result = said("webhooks", "--base", base)
    assert result.exit_code == 2
    assert "such as https://hooks.shop.example" in result.stderr


@pytest.mark.parametrize(
    ("listen", "before"),
    [
        ("", "/hook/"),
        ("listen: {webhooks: 127.0.0.1:0}", "/hook/"),
        ("listen: {webhooks: '[::1]:80'}", "http://[::1]:80/hook/"),
    ],
)
def test_without_it_the_address_is_the_one_on_this_machine_if_there_is_one(
    home: Home, listen: str, before: str
) -> None:
    home.settings(f"sending: live\n{listen}\n")
    home.rule(HOOK)
    assert json.loads(said("webhooks", "--format", "json").stdout)[0]["address"].startswith(before)


CHAKRA = """\
sending: live
connections:
  chakra: {token: !secret t, plugin_id: 9aefeafc-a1c1-4d27-a0c6-10f66a25a80a, phone_number_id: "1"}
"""


def test_a_connection_that_hears_what_became_of_its_sends_has_an_address_of_its_own(home: Home) -> None:
    secrets = home.folder / "secrets.yaml"
    secrets.write_text("t: token\n", encoding="utf-8")
    secrets.chmod(0o600)
    home.settings(CHAKRA)
    (found,) = data("webhooks")
    assert (found["id"], found["methods"]) == ("connection/chakra", "POST")
    path = hook_path(webhook_key(home.folder / "state"), "connection/chakra")
    assert found["address"].endswith(path)


def test_that_nothing_listens_is_told(home: Home) -> None:
    home.rule(HOOK)
    assert "Nothing listens for them yet: add listen:" in said("webhooks").stderr


def test_no_webhook_says_so_and_makes_no_key(home: Home) -> None:
    assert told("webhooks") == "No rule waits for a webhook (trigger: webhook).\n"
    assert not (home.folder / "state").exists()


def test_a_key_that_cannot_be_made_is_a_problem(home: Home) -> None:
    home.rule(HOOK)
    (home.folder / "state").write_text("a file", encoding="utf-8")
    result = said("webhooks")
    assert result.exit_code == 2
    assert "can be neither read nor made" in result.stderr
