"""What rules may refer to, as the checker is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.registry import Registry
from engine.settings import Settings
from engine.values import Json

MADE = frozenset({"automation", "connection", "job", "persistent_notification", "rulewheel", "script"})
"""Kinds of entities that rulewheel makes while it runs; nobody declares them."""


@dataclass(frozen=True, slots=True)
class Known:
    """What rules may refer to: plugins, hosts, the names of secrets, and what the files declare, such as scripts.

    None: not known, so not judged.
    """

    registry: Registry
    hosts: Mapping[str, Mapping[str, Json]] | None = None
    secrets: frozenset[str] | None = None
    defaults: Mapping[str, Json] = field(default_factory=dict)
    declared: frozenset[str] | None = None

    def lacks(self, entity: str) -> bool:
        """Whether there is surely no such entity."""
        if self.declared is None or entity.partition(".")[0] in MADE:
            return False
        return entity not in self.declared

    def kin(self, entity: str) -> list[str]:
        """The entities that are declared, those of the same kind first."""
        domain = entity.partition(".")[0]
        return sorted(self.declared or (), key=lambda each: (each.partition(".")[0] != domain, each))

    @classmethod
    def of(cls, settings: Settings) -> Known:
        """What rules may refer to under these settings."""
        defaults: dict[str, Json] = {"mode": settings.defaults.mode}
        if settings.defaults.max is not None:
            defaults["max"] = settings.defaults.max
        if settings.defaults.valid_for is not None:
            defaults["valid_for"] = settings.defaults.valid_for.total_seconds()
        if settings.defaults.cooldown is not None:
            defaults["cooldown"] = settings.defaults.cooldown.total_seconds()
        if settings.defaults.max_sends is not None:
            defaults["max_sends"] = settings.defaults.max_sends
        return cls(settings.registry, settings.hosts, settings.secrets.names, defaults)
