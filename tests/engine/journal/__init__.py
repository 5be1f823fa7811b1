"""Tests of `engine/journal`."""
