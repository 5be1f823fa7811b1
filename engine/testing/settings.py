"""The settings of a world: a mapping is read and checked as rulewheel.yaml is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from engine.plugin import Connection
from engine.problem import ProblemError
from engine.registry import OURS, Registry
from engine.secret import Secrets
from engine.settings import SECRETS_FILE, SETTINGS_FILE, Settings, settings_of
from engine.values import Json


def world_settings(
    given: Settings | Mapping[str, Json] | None, time_zone: str | None = None, plugins: Sequence[str] = OURS
) -> Settings:
    """Settings as they were loaded, or those of a mapping; raises ProblemError.

    A mapping says only what matters: whose `sending` is not said it is live, what a simulated connection needs and is
    not said is its simulator's, and secrets stand in it as plain text.
    """
    if not isinstance(given, Settings):
        given = _read(given or {}, Registry.discover(plugins))
    return replace(given, time_zone=time_zone) if time_zone else given


def _read(given: Mapping[str, Json], registry: Registry) -> Settings:
    chosen = {} if "sending" in given else {"sending": "live"}
    secrets: dict[str, str] = {}
    connections = given.get("connections")
    if isinstance(connections, Mapping):
        known = registry.connections
        filled = {name: _filled(known.get(name), values, name, secrets) for name, values in connections.items()}
        given = {**given, "connections": filled}
    text = json.dumps({**chosen, **given})
    for name in secrets:
        text = text.replace(json.dumps(_mark(name)), f"!secret {name}")
    loaded = settings_of(text.encode(), Path(SETTINGS_FILE), Secrets(SECRETS_FILE, secrets), registry)
    if loaded.settings is None:
        raise ProblemError(*loaded.problems)
    return loaded.settings


def _filled(kind: type[Connection] | None, values: Json, name: str, secrets: dict[str, str]) -> Json:
    """What stands below a connection's name, with what it needs besides; secrets go to where secrets are kept."""
    if kind is None or not isinstance(values, Mapping | None):
        return values
    filled = {**kind.simulated_settings, **(values or {})}
    for key, field in kind.fields().items():
        if field.secret and isinstance(filled.get(key), str):
            secret = f"{name}_{key}"
            secrets[secret], filled[key] = filled[key], _mark(secret)
    return filled


def _mark(secret: str) -> str:
    """Stands in JSON where YAML says `!secret name`."""
    return f"\0secret {secret}"
