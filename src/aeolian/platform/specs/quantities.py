"""Amounts as Kubernetes writes them: `512Mi`, `1.5G`, `100m`, `2e9`."""

import re

_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,3})?")
_DECIMAL = dict(zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True))
_BINARY = {unit: 2 ** (10 * power) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}


def parse_quantity(text: str) -> float | None:
    """The amount, None for what is none: the server logs that and goes on without it."""
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    number, unit = float(found[1]), found[2] or ""
    if unit in _BINARY:
        return float(number * _BINARY[unit])
    power = _DECIMAL[unit] if unit in _DECIMAL else int(unit[1:] or 0)
    return float(number * 10.0**power)
