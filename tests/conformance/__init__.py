"""Behaviour observed on Home Assistant, each case as somebody would tell it, run through a World."""
