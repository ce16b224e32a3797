"""docs/models.md: what fits is what the catalogue computes, and each model of a recipe is one that it knows."""

import re
from pathlib import Path

import pytest

from models.catalogue.entries import find_gpus, find_models, model_called
from models.catalogue.fit import Bits, fit, weight_bytes

PAGE = Path(__file__).parents[2].joinpath("docs", "models.md").read_text("utf-8")
CONTEXT = 2048
EVERY: tuple[Bits, ...] = (16, 8, 4)
GPUS = ("A10G", "L4", "RTX 3060", "A100", "H100")
ROWS = re.findall(r"^\| ([A-Z][^|]*B) \| ([\d., ]+) \| (.+) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("name", "weights", "cells"), ROWS)
def test_what_fits_is_the_catalogues_estimate(name: str, weights: str, cells: str) -> None:
    """Weights in GB, and the most bits that fit with the sequences beside them."""
    (model,) = find_models([name])
    expected = [round(weight_bytes(model.shape, bits) / 1e9, 2) for bits in EVERY]
    assert [float(one) for one in weights.split(", ")] == expected
    for gpu, cell in zip(find_gpus(GPUS), cells.split(" | "), strict=True):
        every = {bits: fit(model.shape, gpu.figures.memory, bits, CONTEXT) for bits in EVERY}
        found = next((f"{bits}: {one.sequences}" for bits, one in every.items() if one.fits), "-")
        assert cell == found, gpu


def test_the_table_has_every_model_that_is_asked_for() -> None:
    """Fourteen models, so that a change of the table's form is seen."""
    assert len(ROWS) == 14


def test_models_of_recipes_are_known() -> None:
    """Each has an entry in the catalogue, but for a quantized checkpoint of one that has."""
    named = set(re.findall(r'^model = "([^"]+)"$', PAGE, re.MULTILINE))
    assert [one for one in sorted(named) if model_called(one.removesuffix("-AWQ")) is None] == []
