"""Tests of `engine/runs`."""
