"""Plugins of strangers, as they would be installed."""
