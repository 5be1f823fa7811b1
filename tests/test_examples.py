"""Every action and trigger of ours, and of those to come: documented in full, and its examples come true."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import ClassVar

import pytest

from engine.plugin import NUMBER, Action, Decision, Example, Fact, Facts, Fire, Json, Plan, Say, Trigger, View, Watch
from engine.plugin import required as needed
from engine.registry import Registry
from tests.examples import come_true, undocumented

REGISTRY = Registry.discover(["actions", "triggers"])
PLUGINS: list[type[Action | Trigger]] = sorted(
    {*chain[type[Action | Trigger]](REGISTRY.actions.values(), REGISTRY.triggers.values())},
    key=lambda plugin: (plugin.__module__, plugin.name),
)


def titled(plugins: Iterable[type[Action | Trigger]]) -> list[object]:
    return [
        pytest.param(plugin, example, id=f"{plugin.__module__}: {plugin.name}: {example.title}")
        for plugin in plugins
        for example in plugin.examples
    ]


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: f"{plugin.__module__}: {plugin.name}")
def test_a_plugin_says_what_it_and_all_its_fields_are_for(plugin: type[Action | Trigger]) -> None:
    assert not list(undocumented(plugin))


@pytest.mark.parametrize(("plugin", "example"), titled(PLUGINS))
def test_an_example_comes_true(plugin: type[Action | Trigger], example: Example) -> None:
    come_true(plugin, example)


def test_the_triggers_and_actions_of_the_issues_are_there() -> None:
    assert set(REGISTRY.actions) >= {
        "http.request",
        "job.entries",
        "job.watch",
        "log.write",
        "persistent_notification.create",
        "persistent_notification.dismiss",
        "persistent_notification.dismiss_all",
        "whatsapp.send_template",
    }
    assert set(REGISTRY.triggers) >= {
        "absence",
        "count",
        "cron",
        "event",
        "homeassistant",
        "job.entries",
        "job.finished",
        "numeric_state",
        "persistent_notification",
        "rule",
        "sequence",
        "state",
        "template",
        "time",
        "time_pattern",
        "webhook",
        "whatsapp.message",
    }


class Mute(Trigger):
    name = "mute"
    height = needed(NUMBER, "")

    def watches(self, view: View) -> list[Watch]:
        return [Facts("event", "tide")]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        return Decision(None, Fire({"height": 3, "moon": {"phase": 1}}), "it rose")


def test_a_plugin_without_words_is_found_out() -> None:
    assert list(undocumented(Mute)) == [
        "Mute has no docstring",
        "Mute has fewer than 2 examples",
        "the field height does not say what it is for",
        "Mute does not say what it gives",
    ]


def test_an_example_that_says_too_little_about_what_is_given_fails() -> None:
    class Tide(Mute):
        gives: ClassVar = {"height": "How high"}

    with pytest.raises(AssertionError, match="moon"):
        come_true(Tide, Example("Rising", "height: 2\n", gives=[({}, {"height": 3, "moon": {"phase": 1}})]))


def test_an_example_that_does_not_come_true_fails() -> None:
    class Shout(Action):
        name = "shout"

        def plan(self, view: View) -> list[Plan]:
            return [Say("HEY")]

    come_true(Shout, Example("Loud", "{}\n", gives=[{"message": "HEY", "level": "info"}]))
    with pytest.raises(AssertionError):
        come_true(Shout, Example("Quiet", "{}\n", gives=[{"message": "hey", "level": "info"}]))
