"""Tests of `triggers`."""
