"""Tests of `engine/testing`."""
