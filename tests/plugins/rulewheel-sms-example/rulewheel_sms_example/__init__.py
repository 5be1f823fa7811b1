"""Text messages, as a plugin package of one's own."""
