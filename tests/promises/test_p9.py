"""Each of P9's variants with the switch that removes its own defence."""

from __future__ import annotations

import pytest

from tests.promises.figure import new_seed
from tests.promises.p8 import no_look_up
from tests.promises.p9 import SHORT, VARIANTS, Variant, forged_status, settled, without_op_id


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_its_own_defence_each_variant_is_seen_to_settle_wrongly(variant: Variant) -> None:
    seed = new_seed()
    print(f"seed {seed}")
    assert settled(variant, SHORT, seed, defended=False).wrong > 0


@pytest.mark.parametrize("variant", [without_op_id, forged_status])
def test_without_look_ups_what_could_be_proven_is_seen_to_stay_in_doubt(variant: Variant) -> None:
    seed = new_seed()
    print(f"seed {seed}")
    with no_look_up():
        assert settled(variant, SHORT, seed).unfound
