"""Fit and speed: the formulas against published sizes and published speeds, and what must hold whatever the model."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.catalogue.entries import gpu_called, model_called
from models.catalogue.fit import (
    ACHIEVED,
    GROUP,
    Bits,
    Gpu,
    Shape,
    estimate,
    fit,
    kv_bytes,
    most_bits,
    mtok_nano,
    roofline,
    weight_bytes,
    working_bytes,
)

GB, GIB = 10**9, 2**30
BITS: tuple[Bits, ...] = (16, 8, 4)

SHAPES = st.builds(
    Shape,
    layers=st.integers(1, 80),
    hidden=st.integers(64, 8192),
    intermediate=st.integers(64, 32768),
    heads=st.integers(1, 64),
    kv_heads=st.integers(1, 16),
    head_size=st.sampled_from([64, 96, 128, 256]),
    vocabulary=st.integers(1000, 262144),
    context=st.just(131072),
    tied=st.booleans(),
    window=st.none() | st.integers(16, 4096),
    global_every=st.none() | st.integers(2, 8),
)
GPUS = st.builds(Gpu, st.integers(8 * GIB, 160 * GIB), st.floats(1e11, 5e12), st.floats(1e13, 1e15))


def shape(name: str) -> Shape:
    """Return the shape of a model of the catalogue."""
    found = model_called(name)
    assert found is not None
    return found.shape


def gpu(kind: str) -> Gpu:
    """Return the figures of a GPU of the catalogue."""
    found = gpu_called(kind)
    assert found is not None
    return found.figures


LLAMA = shape("Llama 3.1 8B")


def test_llama_by_hand() -> None:
    """Llama 3.1 8B: 32 layers of 218,103,808 and two embeddings of 525,336,576, each counted on paper."""
    assert LLAMA.linear == 32 * 218_103_808
    assert LLAMA.head == 525_336_576
    assert weight_bytes(LLAMA, 16) == 2 * 8_030_261_248
    assert weight_bytes(LLAMA, 4) == 32 * 218_103_808 * (4 * GROUP + 20) // GROUP // 8 + 2 * (
        8_030_261_248 - 32 * 218_103_808
    )


def test_llama_is_as_large_as_published() -> None:
    """16 GB at 16 bits; at 4 bits 6 to 7 GB with the KV cache of a sequence of 4,096 to 8,192 tokens."""
    assert round(weight_bytes(LLAMA, 16) / GB) == 16
    for context in (4096, 8192):
        assert 6 <= (weight_bytes(LLAMA, 4) + kv_bytes(LLAMA, context)) / GB <= 7


@pytest.mark.parametrize(
    ("name", "bits", "published"),
    [
        ("Llama 3.1 8B", 4, 5_730_000_000),  # hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4
        ("Qwen2.5 7B", 4, 5_570_829_760),  # Qwen/Qwen2.5-7B-Instruct-AWQ, as Hugging Face counts it
        ("Qwen2.5 7B", 16, 15_230_000_000),
        ("Llama 3.1 8B", 16, round(14.96 * GIB)),  # vLLM's log, github.com/vllm-project/vllm/pull/10511
    ],
)
def test_checkpoints_are_as_large_as_published(name: str, bits: Bits, published: int) -> None:
    """Sizes that others published come out within 0.1 %."""
    assert weight_bytes(shape(name), bits) == pytest.approx(published, rel=1e-3)


def test_the_cache_of_a_token() -> None:
    """128 KiB a token for Llama 3.1 8B, 56 KiB for Qwen2.5 7B, as published; a block is the least."""
    assert kv_bytes(LLAMA, 16) == 16 * 128 * 1024
    assert kv_bytes(shape("Qwen2.5 7B"), 1600) == 1600 * 56 * 1024
    assert kv_bytes(LLAMA, 1) == kv_bytes(LLAMA, 16)
    assert kv_bytes(LLAMA, 17) == kv_bytes(LLAMA, 32)
    assert kv_bytes(LLAMA, 16, 8) == kv_bytes(LLAMA, 16) // 2


def test_windows_keep_little() -> None:
    """Of Gemma 3 4B's 34 layers five see everything (every sixth), the others 1,024 tokens."""
    gemma = shape("Gemma 3 4B")
    assert gemma.attended(1024) == 34 * 1024
    assert gemma.attended(8192) == 5 * 8192 + 29 * 1024


def test_vllm_leaves_so_much_for_the_cache() -> None:
    """Llama 3 8B in 79.22 GiB at 0.9: vLLM reported 1.26 GiB of working memory and 53.29 GiB for the cache."""
    assert working_bytes(LLAMA) / GIB == pytest.approx(1.26, rel=0.02)
    found = fit(LLAMA, round(79.22 * GIB), 16, 8192)
    assert found.room / GIB == pytest.approx(53.29, rel=0.05)
    assert found.sequences == found.room // GIB


PUBLISHED = """
128 128 27911 28312
128 2048 26221 22714
128 4096 18027 14325
500 2000 20770 17660
1000 1000 17744 15220
1000 2000 16828 13899
2048 128 3538 3450
2048 2048 12194 9305
5000 500 3902 3459
20000 2000 1804 1351
"""
"""Output tokens a second of Llama 3.1 8B (8-bit weights and cache) on one H200 and one H100, by input and output length:
NVIDIA, TensorRT-LLM performance overview, v1.0."""


@pytest.mark.parametrize("kind", ["H200", "H100"])
@pytest.mark.parametrize("line", PUBLISHED.split("\n")[1:-1])
def test_no_published_speed_beats_the_roofline(kind: str, line: str) -> None:
    """20 published figures lie at 0.41 to 0.75 of the roofline; what is assumed of it lies within."""
    inputs, outputs, on_h200, on_h100 = map(int, line.split())
    card = gpu(kind)
    eight_bits = replace(card, flops=2 * card.flops)
    length = inputs + outputs
    at_once = min(2048, fit(LLAMA, card.memory, 8, length, 0.95).room // kv_bytes(LLAMA, length, 8))
    prompt = roofline(LLAMA, eight_bits, 8, at_once, inputs, 8)
    answer = roofline(LLAMA, eight_bits, 8, at_once, inputs + outputs // 2, 8)
    best = outputs * 1e9 / (inputs * prompt.input_ns + outputs * answer.output_ns)
    assert 0.4 <= (on_h200 if kind == "H200" else on_h100) / best <= 0.76
    assert 0.4 <= ACHIEVED <= 0.76


@given(SHAPES, st.integers(1, 8192))
def test_fewer_bits_are_smaller(one: Shape, tokens: int) -> None:
    """Weights shrink with the bits, never below what is left at 16; the cache grows with the tokens."""
    sizes = [weight_bytes(one, bits) for bits in BITS]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] >= 2 * (one.parameters - one.linear)
    assert kv_bytes(one, tokens) <= kv_bytes(one, tokens + 1)
    assert one.attended(tokens) <= one.layers * tokens


@given(SHAPES, GPUS, st.sampled_from(BITS), st.integers(1, 8192))
def test_what_fits_really_fits(one: Shape, card: Gpu, bits: Bits, context: int) -> None:
    """The sequences fit beside the weights, and one more would not; more memory never holds fewer."""
    found = fit(one, card.memory, bits, context)
    assert found.room == int(card.memory * 0.9) - found.weights - found.working
    assert found.fits == (found.room >= found.sequence)
    if found.fits:
        assert found.sequences * found.sequence <= found.room < (found.sequences + 1) * found.sequence
    assert fit(one, card.memory + GIB, bits, context).sequences >= found.sequences
    most = most_bits(one, card.memory, context)
    assert (most is None) == (not any(fit(one, card.memory, each, context).fits for each in BITS))
    assert most is None or fit(one, card.memory, most, context).fits


@given(SHAPES, GPUS, st.sampled_from(BITS), st.integers(1, 256), st.integers(16, 8192))
def test_speeds_are_ordered(one: Shape, card: Gpu, bits: Bits, sequences: int, context: int) -> None:
    """More sequences make a token cheaper, longer ones dearer; a faster GPU is faster; the estimate is no bound."""
    best = roofline(one, card, bits, sequences, context)
    assert best.output_ns > 0
    assert roofline(one, card, bits, sequences + 1, context).output_ns <= best.output_ns * (1 + 1e-9)
    assert roofline(one, card, bits, sequences, 2 * context).output_ns >= best.output_ns
    faster = Gpu(card.memory, 2 * card.bandwidth, 2 * card.flops)
    assert roofline(one, faster, bits, sequences, context).input_ns < best.input_ns
    assert estimate(one, card, bits, sequences, context).output_ns > best.output_ns / ACHIEVED
    assert estimate(one, card, bits, sequences, context).input_ns > best.input_ns / ACHIEVED


def test_bandwidth_by_hand() -> None:
    """One sequence on a GPU of 1 TB/s reads 15.01 GB of weights and 0.27 GB of cache: 15.28 ms a token."""
    card = Gpu(80 * GIB, 1e12, 1e15)
    read = 2 * (LLAMA.parameters - LLAMA.head)
    assert roofline(LLAMA, card, 16, 1, 2048).output_ns == pytest.approx((read + 2048 * 131072) / 1e3)


def test_compute_by_hand() -> None:
    """A prompt token at 100 TFLOPS: 2 x 6.98 G + 4 x 32 x 128 x 32 layers x 1,024 tokens on the mean."""
    card = Gpu(80 * GIB, 1e15, 1e14)
    operations = 2 * LLAMA.linear + 4 * 32 * 128 * 32 * 1024
    assert roofline(LLAMA, card, 16, 1, 2048).input_ns == pytest.approx(operations / 1e5)


@given(st.floats(1, 1e9), st.integers(0, 10**10))
def test_dollars_are_exact(ns: float, rate: int) -> None:
    """A million tokens cost their time at the hourly rate, to the nano-dollar."""
    exact = Fraction(ns) * 10**6 * rate / (3600 * 10**9)
    assert abs(mtok_nano(ns, rate) - exact) <= Fraction(1, 2)


def test_dollars_by_hand() -> None:
    """3.6 ms a token at $1 an hour: a million tokens take an hour."""
    assert mtok_nano(3.6e6, GB) == GB
