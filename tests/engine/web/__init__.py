"""Tests of `engine/web`."""
