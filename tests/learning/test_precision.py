"""bfloat16 where the chip multiplies it, and nowhere else."""

import pytest
import torch

from tracker.learning.precision import OLDER, mixed_precision, multiplies_bfloat16


@pytest.fixture(autouse=True)
def forget():
    multiplies_bfloat16.cache_clear()
    yield
    multiplies_bfloat16.cache_clear()


@pytest.mark.parametrize(
    ("chip", "has_it"),
    [({"avx2": True, "avx512_bf16": False}, False), ({"amx_bf16": True}, True), ({"bf16": True}, True)],
)
def test_a_processor_is_asked(monkeypatch, chip, has_it):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: chip, raising=False)
    assert multiplies_bfloat16("cpu") is has_it
    with mixed_precision("cpu", wanted=True):
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == (torch.bfloat16 if has_it else torch.float32)


@pytest.mark.parametrize("has_it", [True, False])
def test_a_torch_without_that_function_is_asked_for_two_kinds(monkeypatch, has_it):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    for name in OLDER:
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not multiplies_bfloat16("cpu")  # one that cannot say
    multiplies_bfloat16.cache_clear()
    monkeypatch.setattr(torch.cpu, OLDER[-1], lambda: has_it, raising=False)
    assert multiplies_bfloat16("cpu") is has_it
    assert multiplies_bfloat16("cuda")


def test_what_is_not_wanted_stays_in_single_precision(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    with mixed_precision(torch.device("cpu"), wanted=False):
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == torch.float32
