"""The trigger on other rules: one of their runs has ended."""

from __future__ import annotations

from collections.abc import Sequence

from engine.plugin import (
    TEXT,
    Decision,
    Example,
    Fact,
    Facts,
    Fire,
    Json,
    Nothing,
    Trigger,
    View,
    Watch,
    choice,
    many,
    required,
)

ANY = "any"
_OUTCOMES = {
    "finished": ("finished",),
    "failed": ("error", "aborted"),
    "refused": ("failed_single", "failed_max_runs", "failed_cooldown"),
    "skipped": ("failed_conditions",),
    "expired": ("expired",),
    "unsure": ("unsure",),
    "cancelled": ("cancelled",),
}
_WORDS = {outcome: word for word, outcomes in _OUTCOMES.items() for outcome in outcomes}
_MEANT = {
    **dict.fromkeys(("done", "ok", "success", "succeeded", "ended"), "finished"),
    **dict.fromkeys(("error", "failure", "aborted"), "failed"),
    **dict.fromkeys(("rejected", "denied", "busy", "cooldown"), "refused"),
    "canceled": "cancelled",
}


class Rule(Trigger):
    """Fires when a run of another rule has ended in one of these ways.

    `finished` is to the end; `failed` at a step, or with `stop` and `error`; `refused` by its mode or cooldown;
    `skipped` as its conditions did not hold; `expired` when a message was not worth sending any more; `unsure` when
    nobody knows whether one arrived; `cancelled` by a person, a newer run, or because the rule was taken away. No rule
    hears of its own ends, and rules that set each other off are stopped after three times.
    """

    name = "rule"
    gives = {
        "rule": "The rule that has ended, by its id",
        "outcome": "How, in one of the words of `outcome`",
        "reason": "Why, as `rulewheel runs` says it",
        "run": "The run, as `rulewheel runs` names it",
    }
    rule = required(many(TEXT), "The rule by its id, or a list of them; scripts by `script.` and their name; or any")
    outcome = required(many(choice(*_OUTCOMES, meant=_MEANT)), "How it has to have ended; one or a list")
    examples = (
        Example(
            "When an import did not get through",
            "rule: nightly_import\noutcome: [failed, unsure, expired]\n",
            gives=[
                ({"run": "r1", "rule": "nightly_import", "outcome": "finished", "reason": "all steps done"}, None),
                (
                    {"run": "r2", "rule": "nightly_import", "outcome": "error", "reason": "the token was refused"},
                    {"run": "r2", "rule": "nightly_import", "outcome": "failed", "reason": "the token was refused"},
                ),
            ],
        ),
        Example(
            "When any rule fails",
            "rule: any\noutcome: failed\n",
            gives=[
                (
                    {"run": "r1", "rule": "greet", "outcome": "aborted", "reason": "no name"},
                    {"run": "r1", "rule": "greet", "outcome": "failed", "reason": "no name"},
                )
            ],
        ),
    )

    def follows(self) -> Sequence[str]:
        return [name for name in self.rule if name != ANY]

    def watches(self, view: View) -> list[Watch]:
        if ANY in self.rule:
            return [Facts("ended")]
        return [Facts("ended", name) for name in dict.fromkeys(self.rule)]

    def decide(self, memory: Json, fact: Fact, view: View) -> Decision:
        outcome = _WORDS.get(fact.data["outcome"], fact.data["outcome"])
        if outcome not in self.outcome:
            return Decision(memory, Nothing(), f"{fact.subject} {outcome}, wanted {' or '.join(self.outcome)}")
        return Decision(memory, Fire({**fact.data, "outcome": outcome}), f"{fact.subject} {outcome}")
