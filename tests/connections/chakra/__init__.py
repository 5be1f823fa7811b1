"""Tests of `connections/chakra`."""
