"""Every promise in its short form, and what its test says once the defence is taken away."""

from __future__ import annotations

import pytest

from tests.promises.shelf import has_switch, promises, run, run_undefended


@pytest.mark.parametrize("name", promises())
def test_the_promise_is_kept(name: str) -> None:
    figure = run(name, long=False)
    print(figure.to_json())
    assert figure.figure == 0, figure.note
    assert figure.cases > 0


@pytest.mark.parametrize("name", [name for name in promises() if has_switch(name)])
def test_without_its_defence_the_promise_is_seen_to_break(name: str) -> None:
    figure = run_undefended(name)
    assert figure.figure > 0, figure.note
