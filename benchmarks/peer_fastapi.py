"""The peer: what a competent person writes by hand for "webhook in, condition, request out". Nothing in it is durable.

Run as `python -m benchmarks.peer_fastapi PORT TARGET_URL`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

PORT, TARGET = int(sys.argv[1]), sys.argv[2]


class Event(BaseModel):
    n: int


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(limits=limits, timeout=10) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/hook")
async def hook(event: Event) -> dict[str, bool]:
    if event.n >= 0:
        try:
            answer = await app.state.client.post(TARGET, json={"n": event.n})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise HTTPException(502, "the request could not be passed on") from error
    return {"ok": True}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, loop="uvloop", http="httptools", access_log=False)
