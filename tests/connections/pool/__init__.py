"""Tests of `connections.pool`."""
