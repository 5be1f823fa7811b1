"""The engine: takes in facts, runs rules, keeps the journal; it names no action, trigger or connection."""
