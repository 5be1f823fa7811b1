"""What a person should do about each problem that the daemon opens; docs/operations.md says the same."""

from __future__ import annotations

from typing import Final

_STATE = "make room on the disk, or mend what the problem names"
_RESTORE = "restore a backup (rulewheel restore FILE), or move the file away to begin anew"
_CHAKRA = "wait; if it stays, tell the support of ChakraHQ, or of whom the problem names"

REMEDIES: Final = {
    "token-refused": "mend the token in secrets.yaml and restart rulewheel",
    "unreachable": "look at the network; nothing else is needed",
    "rate-limited": "nothing, or send less at once",
    "failing": _CHAKRA,
    "malformed-answer": _CHAKRA,
    "poll-failed": _CHAKRA,
    "sends-unsure": "see: rulewheel sends --unsure; say what became of them with rulewheel settle",
    "sends-expired": "look at the reason, and at valid_for of the rule; send by hand what still matters",
    "delivery-failed": "look at the reason, and whether the number is right and uses WhatsApp",
    "no-connection": "add it below connections: in the settings and restart rulewheel",
    "secret-missing": "add it to secrets.yaml and restart rulewheel",
    "address-not-allowed": "if that is right, write private: true below the host and restart rulewheel",
    "job-gone": "nothing, or name the job again",
    "job-stalled": "nothing, or name the job again",
    "program-outdated": "install the plugin again",
    "disk-full": _STATE,
    "disk-error": _STATE,
    "read-only": _STATE,
    "locked": _STATE,
    "clock-off": "set this machine's clock (NTP)",
    "webhook-silent": "look at the system that should call it; rulewheel webhooks shows the address",
    "notices-failing": "look at notices: in the settings, and at the connection that it names",
    "no-rules": "look at rules: in the settings",
    "own-mistake": "tell the makers of rulewheel, with the log",
    "no-listener": "add listen: with webhooks: 127.0.0.1:8321 to the settings and restart rulewheel",
    "state-damaged": _RESTORE,
    "row-changed": "put back what was changed, or restore a backup (rulewheel restore FILE)",
    "row-key-missing": "put journal.db.key back beside the state, or start the daemon again: it makes a new one",
    "row-key-lost": "look who moved journal.db.key, which belongs beside the state; nothing else is needed",
    "not-a-state": "name another file or folder as state: in the settings",
    "newer-state": "install the newer rulewheel again, or restore a backup of the older one",
    "owned": "stop the other daemon first; one daemon works on one state",
    "state-error": "look at state: in the settings, and at the owner of that folder",
    "cannot-listen": "choose another address or port below listen: in the settings",
    "cannot-open": "look at state: in the settings, and at the owner of that folder",
}

RULE_FILES: Final = "file/"
"""With this begin the keys of problems in rule files, as in `file/rules/welcome.yaml:3:5/unknown-key`."""
RULES: Final = "mend the line that it names; until then the rule goes on as it was"


def remedy_of(key: str, code: str) -> str:
    """What to do about the problem of this key and code, in words; empty where nobody knows."""
    return REMEDIES.get(code) or (RULES if key.startswith(RULE_FILES) else "")
