"""Calls to other machines by httpx: few connections a host, each request sent at most once, and what came of it.

`pool` is the way in; `transport` carries httpx over connections of our own, and decision 4 says why. Nothing is
imported here, and `address`, `answer`, `head` and `outcome` do without httpx: `rulewheel check` reads what connections
need in their settings, and importing httpx takes longer than most checks.
"""
