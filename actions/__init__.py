"""Built-in actions, a file a family."""
