from __future__ import annotations

from pathlib import Path

from engine.rules.known import Known
from engine.secret import Secrets
from engine.settings import Defaults, Settings
from tests.engine.rules.plugins import REGISTRY


def settings(**given: object) -> Settings:
    secrets = Secrets("secrets.yaml", {"token": "x"})
    defaults = Defaults(given)
    return Settings("rulewheel.yaml", REGISTRY, Path("rules"), Path("state"), defaults=defaults, secrets=secrets)


def test_what_rules_may_refer_to_comes_from_the_settings() -> None:
    known = Known.of(settings())

    assert (known.registry, known.hosts) == (REGISTRY, {})
    assert known.secrets == frozenset({"token"})
    assert known.defaults == {"mode": "queued"}


def test_what_rules_have_by_default_is_plain_data() -> None:
    known = Known.of(settings(mode="single", max=3, valid_for="00:02"))

    assert known.defaults == {"mode": "single", "max": 3, "valid_for": 120.0}
