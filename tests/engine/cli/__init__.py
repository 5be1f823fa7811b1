"""Tests of `engine/cli`."""
