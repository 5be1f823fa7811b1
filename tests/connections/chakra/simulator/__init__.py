"""Tests of `connections/chakra/simulator`."""
