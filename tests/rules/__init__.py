"""Broken and good rule files, and what is said about them."""
