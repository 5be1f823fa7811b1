"""Each of P9's variants with the switch that removes its own defence."""

from __future__ import annotations

import pytest

from tests.promises.figure import new_seed
from tests.promises.p9 import SHORT, VARIANTS, Variant, settled


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_its_own_defence_each_variant_is_seen_to_settle_wrongly(variant: Variant) -> None:
    seed = new_seed()
    print(f"seed {seed}")
    assert settled(variant, SHORT, seed, defended=False).wrong > 0
