"""Built-in triggers, a file a family."""
