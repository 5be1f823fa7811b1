"""The two listeners: webhooks, and the page."""
