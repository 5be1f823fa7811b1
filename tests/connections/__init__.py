"""Tests of `connections`."""
