"""What nobody outside ChakraHQ knows for sure, as settings with a cautious default each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from connections.chakra.simulator.statuses import StatusSettings

TOKEN = "simulator-token"
TEAM = "d3e64510-b75a-43a0-8ae5-dde78dac56c0"
USER = "5acc9b3b-9850-422b-81ce-22b01cb74356"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket per API key: `per_second` refill, `burst` calls at once. Chakra's own numbers are not public."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Settings:
    """How the simulator behaves where the API's documentation is silent.

    `tokens`: bearer tokens taken. `plugins`, `phone_numbers`: ids that exist; empty means any.
    `entries_total`: whether `_meta.total` of a filtered entries list counts the filter or the whole job.
    `entries_limit`: entries a page when `limit` is not given; `entries_limit_most`: the longest page.
    `listing_shows_callback`: whether listed messages carry `biz_opaque_callback_data`.
    `errors_as`: Meta's refusals as Meta's own error object, or as text in the envelope's `_errors`.
    `strict`: refuse what Meta would refuse; else take anything that has a recipient.
    `text_limit`: characters of a filled template body. `rate_limit`: off by default.
    `statuses`: the webhooks that tell what became of messages; none are sent without an address.
    """

    tokens: tuple[str, ...] = (TOKEN,)
    plugins: tuple[str, ...] = ()
    phone_numbers: tuple[str, ...] = ()
    entries_total: Literal["filtered", "all"] = "filtered"
    entries_limit: int = 10
    entries_limit_most: int = 100
    listing_shows_callback: bool = False
    errors_as: Literal["meta", "envelope"] = "meta"
    strict: bool = True
    text_limit: int = 1024
    rate_limit: RateLimit | None = None
    statuses: StatusSettings = field(default_factory=StatusSettings)
