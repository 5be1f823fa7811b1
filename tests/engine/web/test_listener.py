from __future__ import annotations

import contextlib
import socket

import pytest

from engine.problem import ProblemError
from engine.web.listener import listen


async def test_an_address_that_somebody_else_has_is_a_problem_that_names_its_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with contextlib.AsyncExitStack() as stack:
            with pytest.raises(ProblemError, match=rf"health cannot be listened for at 127.0.0.1:{port}") as caught:
                await listen(stack, None, ("127.0.0.1", port), "health")
    (problem,) = caught.value.problems
    assert problem.code == "cannot-listen"
    assert "listen.health" in problem.remedy
