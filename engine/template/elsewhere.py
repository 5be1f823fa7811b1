"""Names of Home Assistant's and Jinja's templates that are not here, and why: for who brings a template along."""

from __future__ import annotations

_DEVICES = "it is about devices and places, which rulewheel has none of"
_ALONE = "a template stands alone; write what it needs into it"
_HTML = "nothing here is shown as HTML"

_OF_DEVICES = """
    area_devices area_entities area_id area_name areas closest config_entry_attr config_entry_id device_attr
    device_entities device_id device_name distance entity_name floor_areas floor_entities floor_id floor_name floors
    integration_entities is_device_attr is_hidden_entity issue issues label_areas label_color label_description
    label_devices label_entities label_icon label_id label_name labels state_attr_translated state_translated
"""

ELSEWHERE: dict[str, str] = {
    **dict.fromkeys(_OF_DEVICES.split(), _DEVICES),
    "cycler": "write `loop.cycle(…)`",
    "joiner": "write `| join(', ')`",
    "lipsum": "it makes text without meaning",
    "natural_sort": "write `| sort`",
    "urlize": _HTML,
    "xmlattr": _HTML,
    "import": _ALONE,
    "include": _ALONE,
    "extends": _ALONE,
}
