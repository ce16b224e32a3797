"""Fit and speed: the formulas against published sizes and published speeds, and what must hold whatever the model."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.published import list_groups
from models.catalogue.entries import gpu_called, model_called
from models.catalogue.fit import (
    ACHIEVED,
    GROUP,
    Bits,
    Gpu,
    Precision,
    RequestTokens,
    Shape,
    estimate,
    fit,
    kv_bytes,
    most_bits,
    mtok_nano,
    roofline,
    sequences_at_once,
    weight_bytes,
    working_bytes,
)
from models.catalogue.published import PublishedSpeed, published_speeds, speed_error

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


@pytest.mark.parametrize(
    "one", published_speeds(), ids=lambda one: f"{one.name} {one.model.name} {one.tokens}"
)
def test_no_published_speed_beats_the_roofline(one: PublishedSpeed) -> None:
    """Each published figure lies below what the GPU could do at best: the physics are right, whatever an engine reaches."""
    best = roofline(one.model.shape, one.gpu.figures, one.precision, one.sequences, one.tokens)
    at_best = (
        one.tokens.output * 1e9 / (one.tokens.input * best.input_ns + one.tokens.output * best.output_ns)
    )
    assert one.output_tokens_per_s < at_best


@pytest.mark.parametrize(
    "one",
    [one for one in published_speeds() if not one.assumed],
    ids=lambda one: f"{one.name} {one.gpu.kind} {one.precision} {one.tokens}",
)
def test_published_speeds_are_within_a_factor_of_two(one: PublishedSpeed) -> None:
    """Also in FP8 on Hopper, whatever the lengths and the number at once; none of the estimate's constants is a row's."""
    assert 0.5 <= one.ratio <= 2


def test_the_error_that_is_printed_is_that_of_the_worst_row() -> None:
    """The factor covers every figure whose lengths are published, faster and slower ones."""
    error = speed_error()
    ratios = [one.ratio for one in published_speeds() if not one.assumed]
    assert error.runs == len(ratios) == 44
    assert error.factor == pytest.approx(max(*ratios, 1 / min(ratios)))
    assert error.slowest < 1 < error.fastest


def test_the_page_shows_what_the_benchmark_computes() -> None:
    """docs/catalog.md has the ratios of each source as `python -m bench.published` prints them, and the error."""
    page = Path(__file__).parents[2].joinpath("docs", "catalog.md").read_text("utf-8")
    assert "\n".join(list_groups()) in page
    error = speed_error()
    assert f"{error.slowest:.2f} to {error.fastest:.2f}" in page
    assert f"a factor of {error.factor:.2f} at most" in page


def test_published_speeds_are_sourced() -> None:
    """Each has who says so and when it was read, a GPU and a model of the catalogue, and bits that exist."""
    for one in published_speeds():
        assert one.source
        assert one.read.year >= 2026
        assert {one.precision.bits, one.precision.kv_bits} <= {4, 8, 16}
        assert one.sequences > 0


def test_eight_bits_are_computed_in_fp8_where_the_gpu_has_it() -> None:
    """A prompt's matrices go twice as fast on an H100, and as at 16 bits on an A100, which has no FP8."""
    tokens, h100, a100 = RequestTokens(128, 128), gpu("H100"), gpu("A100 80GB")
    eight, sixteen = Precision(8), Precision(16)
    fast, slow = (roofline(LLAMA, h100, one, 64, tokens).input_ns for one in (eight, sixteen))
    assert 1.9 < slow / fast < 2.01
    assert (
        roofline(LLAMA, a100, eight, 64, tokens).input_ns
        == roofline(LLAMA, a100, sixteen, 64, tokens).input_ns
    )


def test_a_smaller_cache_holds_more_sequences() -> None:
    """FP8 values take half: twice the sequences; and while it is written an answer takes half of its length."""
    tokens, memory = RequestTokens(1000, 1000), gpu("A10G").memory
    whole = sequences_at_once(LLAMA, memory, Precision(8), tokens)
    half = sequences_at_once(LLAMA, memory, Precision(8, 8), tokens)
    assert half in {2 * whole, 2 * whole + 1}
    room = fit(LLAMA, memory, 8, 2000).room
    assert whole == room // kv_bytes(LLAMA, 1500)
    assert RequestTokens(1000, 1000).generating == 1500
    assert sequences_at_once(LLAMA, memory, Precision(16), RequestTokens(60_000, 60_000)) == 0


def test_two_gpus_that_share_a_model() -> None:
    """Twice the memory, bandwidth and operations: half the time at best, for the same sequences."""
    one, tokens = gpu("H100"), RequestTokens(500, 500)
    single, both = (roofline(LLAMA, card, Precision(16), 64, tokens) for card in (one, one.joined(2)))
    assert both.output_ns == pytest.approx(single.output_ns / 2)
    assert both.input_ns == pytest.approx(single.input_ns / 2)


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
    precision, tokens = Precision(bits), RequestTokens(context, context)
    best = roofline(one, card, precision, sequences, tokens)
    assert best.output_ns > 0
    assert roofline(one, card, precision, sequences + 1, tokens).output_ns <= best.output_ns * (1 + 1e-9)
    longer = RequestTokens(2 * context, context)
    assert roofline(one, card, precision, sequences, longer).output_ns >= best.output_ns
    faster = Gpu(card.memory, 2 * card.bandwidth, 2 * card.flops)
    assert roofline(one, faster, precision, sequences, tokens).input_ns < best.input_ns
    expected = estimate(one, card, precision, sequences, tokens)
    assert expected.output_ns > best.output_ns / ACHIEVED
    assert expected.input_ns > best.input_ns / ACHIEVED


def test_bandwidth_by_hand() -> None:
    """One sequence on a GPU of 1 TB/s reads 15.01 GB of weights and 0.27 GB of cache: 15.28 ms a token.

    The cache holds the prompt of 1,536 tokens and half of the answer of 1,024.
    """
    card = Gpu(80 * GIB, 1e12, 1e15)
    read = 2 * (LLAMA.parameters - LLAMA.head)
    found = roofline(LLAMA, card, Precision(16), 1, RequestTokens(1536, 1024))
    assert found.output_ns == pytest.approx((read + 2048 * 131072) / 1e3)


def test_compute_by_hand() -> None:
    """A prompt token at 100 TFLOPS: 2 x 6.98 G + 4 x 32 x 128 x 32 layers x 1,024 tokens on the mean."""
    card = Gpu(80 * GIB, 1e15, 1e14)
    operations = 2 * LLAMA.linear + 4 * 32 * 128 * 32 * 1024
    found = roofline(LLAMA, card, Precision(16), 1, RequestTokens(2048, 1))
    assert found.input_ns == pytest.approx(operations / 1e5)


@given(st.floats(1, 1e9), st.integers(0, 10**10))
def test_dollars_are_exact(ns: float, rate: int) -> None:
    """A million tokens cost their time at the hourly rate, to the nano-dollar."""
    exact = Fraction(ns) * 10**6 * rate / (3600 * 10**9)
    assert abs(mtok_nano(ns, rate) - exact) <= Fraction(1, 2)


def test_dollars_by_hand() -> None:
    """3.6 ms a token at $1 an hour: a million tokens take an hour."""
    assert mtok_nano(3.6e6, GB) == GB
