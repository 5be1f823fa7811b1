"""Tests of `engine/demo`."""
