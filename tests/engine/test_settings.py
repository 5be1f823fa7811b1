from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from engine.field import TEXT, optional, required
from engine.plugin import Connection
from engine.problem import Problem, ProblemError, render
from engine.registry import Registry
from engine.settings import Loaded, Settings, load_settings, nearest_settings


class Chakra(Connection):
    """Chakra, as the settings see it."""

    name = "chakra"
    token = required(TEXT, "The token", secret=True)
    base_url = optional(TEXT, "Where it is")


REGISTRY = Registry.of(Chakra)
WELL = "sending: live\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text('chakra_token: "s3cret"\nshop: x\n')
    secrets.chmod(0o600)
    return tmp_path


def loaded(folder: Path, text: str, registry: Registry | None = REGISTRY) -> Loaded:
    path = folder / "rulewheel.yaml"
    path.write_text(text)
    return load_settings(path, registry)


def well(folder: Path, text: str) -> Settings:
    found = loaded(folder, text)
    assert found.problems == ()
    assert found.settings is not None
    return found.settings


def sole(folder: Path, text: str) -> Problem:
    found = loaded(folder, text)
    assert found.settings is None
    (problem,) = found.problems
    return problem


FULL = """\
connections:
  chakra:
    token: !secret chakra_token
    base_url: https://chakra.example
rules: my-rules
state: /var/lib/rulewheel
time_zone: Asia/Kolkata
listen:
  webhooks: 127.0.0.1:8321
defaults:
  mode: parallel
  max: 5
  valid_for: "02:00:00"
sending: test
test_to: "+919876543210"
hosts:
  Shop.example:
    secrets: [shop]
    http: no
  localhost:
"""


def test_settings_are_typed_and_paths_are_relative_to_the_file(folder: Path) -> None:
    settings = well(folder, FULL)

    assert settings.rules == folder / "my-rules"
    assert settings.state == Path("/var/lib/rulewheel")
    assert str(settings.zone) == "Asia/Kolkata"
    assert settings.webhooks == ("127.0.0.1", 8321)
    assert (settings.defaults.mode, settings.defaults.max) == ("parallel", 5)
    assert settings.defaults.valid_for == timedelta(hours=2)
    assert (settings.sending, settings.test_to) == ("test", "+919876543210")
    assert settings.hosts["shop.example"] == {"secrets": ["shop"], "http": False, "loopback": False, "private": False}
    assert settings.hosts["localhost"]["secrets"] == []


def test_it_is_said_how_long_what_is_over_is_kept(folder: Path) -> None:
    keep = well(folder, WELL + "keep: {runs: {days: 10}, seen: {days: 20}}\nlisten: {health: 127.0.0.1:8322}\n")
    assert (keep.keep.runs, keep.keep.failures, keep.keep.seen) == (timedelta(10), timedelta(90), timedelta(20))
    assert keep.health == ("127.0.0.1", 8322)
    assert well(folder, WELL).keep.runs == timedelta(30)


def test_identities_are_kept_for_as_long_as_senders_may_repeat_them(folder: Path) -> None:
    for least, text in ((8, "seen: {days: 7}"), (2, "runs: {days: 1}"), (2, "failures: 0")):
        problem = sole(folder, WELL + f"keep: {{{text}}}\n")
        assert problem.place is not None
        assert problem.place.line == 2
        assert f"at least {least} days" in str(problem) + problem.expected


def test_who_is_told_of_problems_can_be_reached(folder: Path) -> None:
    hook = "notices: {webhook: https://Hooks.example/x, headers: {Authorization: !secret none}}\n"
    assert well(folder, WELL).notices.after == timedelta(minutes=15)
    assert sole(folder, WELL + "notices: {mailto: ops@example.com}\n").code == "unknown-key"
    assert sole(folder, WELL + "notices: {mail_to: ops@example.com}\n").message == "there is no connection mail"
    unlisted = sole(folder, WELL + hook.replace("!secret none", "x"))
    assert (unlisted.code, unlisted.place and unlisted.place.column) == ("host-not-listed", 20)
    assert "none" in sole(folder, WELL + hook + "hosts: {hooks.example: {}}\n").message
    told = well(folder, WELL + hook.replace("!secret none", "x") + "hosts: {hooks.example: {}}\n").notices
    assert (told.webhook, told.headers) == ("https://Hooks.example/x", {"Authorization": "x"})


def test_what_is_not_said_has_a_default(folder: Path) -> None:
    settings = well(folder, WELL)

    assert (settings.rules, settings.state) == (folder / "rules", folder / "state")
    assert (settings.time_zone, settings.webhooks, settings.defaults.mode) == ("UTC", None, "queued")
    assert settings.sending == "live"


def test_a_secret_stays_a_reference_until_a_connection_needs_it(folder: Path) -> None:
    settings = well(folder, FULL)

    assert "s3cret" not in repr(settings)
    connection = settings.connection("chakra")
    assert isinstance(connection, Chakra)
    assert connection.token == "s3cret"


def test_a_connection_that_cannot_be_made_is_a_problem(folder: Path) -> None:
    with pytest.raises(ProblemError, match=r"connections\.chakra: token: token is missing"):
        well(folder, WELL).connection("chakra")


def test_a_number_of_ones_own_means_test_and_nothing_said_is_a_problem(folder: Path) -> None:
    assert well(folder, 'test_to: "+919876543210"\n').sending == "test"
    for text in ("", "rules: rules\n"):
        assert sole(folder, text).code == "sending-not-chosen"
    assert sole(folder, "sending: test\n").code == "test-to-missing"


def test_an_unknown_key_is_named_with_place_and_the_nearest(folder: Path) -> None:
    found = loaded(folder, WELL + "time_zon: UTC\n")

    (problem,) = found.problems
    assert problem.place
    assert (problem.place.line, problem.place.column, problem.remedy) == (2, 1, 'did you mean "time_zone"?')
    assert "2 | time_zon: UTC" in render(problem, found.sources)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("time_zone: Asia/Kolkatta", "wrong-value", 'did you mean "Asia/Kolkata"?'),
        ("time_zone: ../../etc/passwd", "wrong-value", "Asia/Kolkata"),
        ("time_zone: Nowhere/At/All", "wrong-value", "Asia/Kolkata"),
        ("listen: {webhooks: 8321}", "wrong-type", "127.0.0.1:8321"),
        ('listen: {webhooks: ":99999"}', "wrong-value", "127.0.0.1:8321"),
        ("listen: 8321", "wrong-type", "a mapping"),
        ("defaults: {mode: singel}", "not-allowed", 'did you mean "single"?'),
        ("defaults: {max: 1}", "wrong-value", "from 2 to"),
        ("hosts: {shop.example: 5}", "wrong-type", "a mapping of keys"),
        ("hosts: {shop.example: {secret: a}}", "unknown-key", 'did you mean "secrets"?'),
        ("hosts: {shop.example: {secrets: [shopp]}}", "unknown-secret", 'did you mean "shop"?'),
        ("connections: {chakr: {}}", "unknown-key", 'did you mean "chakra"?'),
        ("connections: {chakra: }", "missing-key", "token"),
        ("connections: {chakra: {token: abc}}", "secret-in-the-open", "!secret"),
        ("connections: {chakra: {token: !secret chakra}}", "unknown-secret", 'did you mean "chakra_token"?'),
        ('connections: {chakra: {token: "{{ x }}"}}', "no-template-here", "write the value itself"),
        ("rules: !secret shop", "no-template-here", "write the value itself"),
        ("rules: [a]", "wrong-type", "text"),
    ],
)
def test_a_wrong_setting_names_what_would_be_right(folder: Path, text: str, code: str, words: str) -> None:
    problem = sole(folder, WELL + text)

    assert problem.code == code
    assert problem.place
    assert problem.place.line == 2
    assert words in problem.expected + problem.remedy


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ('"https://shop.example/x"', "write shop.example, nothing before or behind it"),
        ("shop.example/x", "write shop.example, nothing before or behind it"),
        ('"https://user@shop.example:8443"', "write shop.example:8443, nothing before or behind it"),
        ('"*"', "name each host by itself; there is no sign for several"),
        ('"*.example"', "name each host by itself; there is no sign for several"),
        ('""', "write it as it stands in a web address"),
        ('"a b"', "write it as it stands in a web address"),
        ('"shop.example:"', "write it as it stands in a web address"),
        ('"shop.example:99999"', "write it as it stands in a web address"),
        ('"-shop.example"', "write it as it stands in a web address"),
    ],
)
def test_a_name_below_hosts_that_is_the_name_of_no_host_says_what_to_write(
    folder: Path, name: str, remedy: str
) -> None:
    problem = sole(folder, f"{WELL}hosts:\n  {name}: {{}}\n")
    assert problem.remedy == remedy
    assert problem.place
    assert (problem.place.line, problem.place.column) == (3, 3)


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Shop.example", "shop.example"),
        ("shop.example.", "shop.example"),
        ("my_shop-2.example:8443", "my_shop-2.example:8443"),
        ("localhost", "localhost"),
        ("10.0.0.7", "10.0.0.7"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ('"::1"', "::1"),
        ('"[::1]"', "::1"),
        ('"[::1]:8080"', "::1:8080"),
        ("büro.example", "xn--bro-hoa.example"),
    ],
)
def test_a_host_is_named_as_it_is_called(folder: Path, name: str, called: str) -> None:
    assert list(well(folder, f"{WELL}hosts:\n  {name}: {{}}\n").hosts) == [called]


def test_settings_that_are_no_mapping_are_a_problem(folder: Path) -> None:
    assert sole(folder, "- a\n").message == "the settings are a list"


def test_broken_yaml_is_a_problem_and_no_more(folder: Path) -> None:
    assert sole(folder, "rules: [\n").place is not None


def test_a_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    found = load_settings(tmp_path / "rulewheel.yaml", REGISTRY)

    assert found.settings is None
    assert found.problems[0].remedy == "run rulewheel init, or name another file"


def test_plugins_are_those_that_the_settings_name(folder: Path) -> None:
    found = loaded(folder, WELL + "plugins: [triggers]\n", None)

    assert found.settings is not None
    assert "time" in found.settings.registry.triggers
    assert found.settings.registry.actions == {}


def test_a_plugin_package_that_is_not_there_is_a_problem_with_its_place(folder: Path) -> None:
    found = loaded(folder, WELL + "plugins: [trigger]\n", None)

    assert found.problems[0].remedy == 'did you mean "triggers"?'
    assert found.problems[0].place
    assert found.problems[0].place.line == 2


def test_warnings_do_not_stop(folder: Path) -> None:
    (folder / "secrets.yaml").chmod(0o644)
    found = loaded(folder, WELL)

    assert found.settings is not None
    assert [problem.code for problem in found.problems] == ["secrets-too-open"]


def test_the_nearest_settings_are_those_of_the_folder_or_of_the_next_one_above(folder: Path) -> None:
    below = folder / "rules" / "team"
    below.mkdir(parents=True)
    assert nearest_settings(below) is None
    (folder / "rulewheel.yaml").touch()
    assert nearest_settings(below) == nearest_settings(folder) == folder / "rulewheel.yaml"


@pytest.mark.parametrize(("state", "file"), [("state", "state/journal.db"), ("kept/all.db", "kept/all.db")])
def test_the_state_is_a_folder_with_the_journal_or_the_journal_itself(folder: Path, state: str, file: str) -> None:
    assert well(folder, f"{WELL}state: {state}\n").state_file == folder / file


@pytest.mark.parametrize(
    "text",
    [
        "connections: {chakra: {token: EAAG-canary}}",
        "connections: {chakra: {tokn: EAAG-canary}}",
        "connections: {chakr: {token: EAAG-canary}}",
        "connections:\n  chakra:\n    token: |\n      EAAG-canary\n    base_url: 5\n",
        "connections: {chakra: {token: [EAAG-canary]}}",
        "token: EAAG-canary",
        "conections: {chakra: {token: EAAG-canary}}",
        "token: EAAG-canary\nrules: [",
        "rules: [\ntoken: 'EAAG-canary'",
        "rule: EAAG-canary\nconnections: {chakra: {token: EAAG-canary}}",
    ],
)
def test_a_secret_written_in_clear_shows_in_no_excerpt(folder: Path, text: str) -> None:
    found = loaded(folder, WELL + text)
    shown = "\n".join(render(problem, found.sources) for problem in found.problems)
    assert found.settings is None
    assert " | " in shown
    assert "canary" not in shown
    assert "canary" not in "".join(found.sources.values())


def test_what_is_no_secret_shows(folder: Path) -> None:
    found = loaded(folder, WELL + "connections: {chakra: {token: EAAG-canary, base_url: [https://chakra.example]}}")
    shown = render(found.problems[0], found.sources)
    assert "{token: ***********, base_url: [https://chakra.example]}" in shown


def test_a_secret_that_its_connection_cannot_use_is_told_where_it_stands(folder: Path) -> None:
    (folder / "secrets.yaml").write_text('shop: x\nchakra_token: "tökn-canary"\n', encoding="utf-8")
    ids = "plugin_id: 9aefeafc-a1c1-4d27-a0c6-10f66a25a80a, phone_number_id: 1"
    found = loaded(folder, WELL + f"connections: {{chakra: {{token: !secret chakra_token, {ids}}}}}", None)
    (problem,) = found.problems
    assert problem.place is not None
    assert (Path(problem.place.file).name, problem.place.line) == ("secrets.yaml", 2)
    assert problem.message.startswith('the secret "chakra_token" cannot be used: a token has only letters')
    assert problem.remedy == "copy it again from Admin, API Keys"
    assert "canary" not in render(problem, found.sources)


def test_of_a_file_of_secrets_with_mistakes_only_the_mistakes_are_told(folder: Path) -> None:
    (folder / "secrets.yaml").write_text('shop: x\nchakra_token: "canary\n', encoding="utf-8")
    found = loaded(folder, WELL + "connections: {chakra: {token: !secret chakra_token}}")
    assert [problem.message for problem in found.problems] == ["this line cannot be read"]
    assert found.settings is None


@pytest.mark.parametrize(
    "text",
    [
        "time_zone: Nowhere/At/All",
        "time_zone: [a]",
        "listen: 8321",
        "listen: {webhooks: x}",
        "sending: maybe",
        "sending: [a]",
        "rules: [a]",
        "keep: {runs: x}",
        "defaults: {max: 1}",
        "defaults: {mode: xyz}",
        "defaults: {max_sends: 5}",
        "notices: {mail_to: []}",
        "hosts: [a]",
        "hosts: {a.b: {http: maybe}}",
        "test_to: 5",
        "zzqq: 5",
        "connections: {zzqq: {}}",
        "- a",
        "5",
    ],
)
def test_every_mistake_says_what_to_do(folder: Path, text: str) -> None:
    found = loaded(folder, text if text.startswith(("sending", "-", "5")) else WELL + text)
    assert found.problems
    assert [problem.message for problem in found.problems if not problem.remedy] == []
