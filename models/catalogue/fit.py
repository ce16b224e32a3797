"""Whether a model fits a GPU, how many sequences at once, and how fast at best: from its shape.

Weights. A layer of the decoders meant here has four attention matrices and three of the gated feed-forward network:
hidden x head size x (2 heads + 2 KV heads) + 3 x hidden x intermediate parameters. Input and output embeddings have
vocabulary x hidden each, once where they are tied. At 8 and 4 bits the layers' matrices are quantized and the
embeddings stay at 16, as in the checkpoints that vLLM runs; 4 bits are stored with a 16-bit scale and a 4-bit zero
point for each group of 128 weights (Lin et al. 2023, AWQ; Frantar et al. 2022, GPTQ).

KV cache. Each layer keeps a key and a value for each token and KV head: 2 x layers x KV heads x head size x 2 bytes a
token (Kwon et al. 2023, PagedAttention, section 3), in blocks of `BLOCK` tokens. A layer with a sliding window
keeps the window only.

Speed. Roofline (Williams et al. 2009): a step lasts at least as long as the memory takes to hand out what it reads,
and as long as the tensor cores take to compute it. A token costs 2 operations a parameter, and 4 x heads x head size
a layer and token that it attends to (Kaplan et al. 2020, table 1). Matrices of 8 bits are multiplied at the FP8 peak
where the GPU has one; attention and the output embedding stay at 16 bits. A step of generation reads all weights and
every sequence's KV cache; the prompt's tokens go by the thousand, so that reading weights hardly counts. While an
answer is written, its sequence holds the prompt and, on the mean, half of the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Literal

Bits = Literal[4, 8, 16, 32]

GROUP = 128
GROUP_BITS = 16 + 4
"""Bits of the scale and the zero point of a group of 4-bit weights."""
BLOCK = 16
"""Tokens in a block of vLLM's KV cache."""
STEP_TOKENS = 8192
"""Tokens that a step takes at most: vLLM's default for the offline engine."""
SEQUENCES = 256
"""Sequences that the engine runs at once at most: our default (`max_num_seqs`) on a GPU."""
UTILIZATION = 0.9
"""Part of the memory that the engine takes: vLLM's default (`gpu_memory_utilization`)."""
ACHIEVED = 0.5
"""Part of the roofline that a real engine is taken to reach; docs/catalog.md has the error that published runs show."""
STEP_NS = 2e6
"""What a step takes beside, for scheduling and launching, as assumed: it counts where the model is tiny."""
NS = 1e9


@dataclass(frozen=True, slots=True)
class Shape:
    """The architecture of a decoder, as its config.json says it. `context`: tokens that it takes at most.

    `window`: tokens that a layer sees; None: all. `global_every`: each so many-th layer sees all the same (None:
    none does). `vision`: parameters beside the language model, which are loaded at 16 bits.
    """

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    context: int
    tied: bool = False
    window: int | None = None
    global_every: int | None = None
    vision: int = 0

    @property
    def linear(self) -> int:
        """Parameters of the layers' matrices: what is quantized, and computed for every token."""
        attention = self.hidden * self.head_size * 2 * (self.heads + self.kv_heads)
        return self.layers * (attention + 3 * self.hidden * self.intermediate)

    @property
    def head(self) -> int:
        """Parameters of the output embedding, computed for every token that is generated."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """Parameters of the language model, two norms a layer included (other models have four, or norms of heads)."""
        embeddings = self.head if self.tied else 2 * self.head
        return self.linear + embeddings + (2 * self.layers + 1) * self.hidden

    def attended(self, tokens: int) -> int:
        """Tokens that are kept, and attended to, over all layers, of a sequence of so many."""
        if self.window is None:
            return self.layers * tokens
        whole = 0 if self.global_every is None else self.layers // self.global_every
        return whole * tokens + (self.layers - whole) * min(tokens, self.window)


@dataclass(frozen=True, slots=True)
class Gpu:
    """What counts of a GPU: bytes of memory, bytes a second from it, dense 16-bit and FP8 operations a second.

    `fp8_flops` None: it does not compute in FP8, and 8-bit weights are computed at 16 bits.
    """

    memory: int
    bandwidth: float
    flops: float
    fp8_flops: float | None = None

    def joined(self, count: int) -> "Gpu":
        """Return so many of them that share a model, each with its part of every matrix, as if they were one."""
        fp8 = None if self.fp8_flops is None else self.fp8_flops * count
        return Gpu(self.memory * count, self.bandwidth * count, self.flops * count, fp8)


@dataclass(frozen=True, slots=True)
class Precision:
    """Bits of a weight, and of a value in the KV cache."""

    bits: Bits
    kv_bits: Bits = 16


@dataclass(frozen=True, slots=True)
class RequestTokens:
    """Tokens of a request and of its answer, on the mean."""

    input: float
    output: float

    @property
    def whole(self) -> int:
        """Tokens of both, which the sequence has at its end."""
        return max(1, ceil(self.input + self.output))

    @property
    def generating(self) -> int:
        """Tokens of the sequence while the answer is written, on the mean: the prompt and half of the answer."""
        return max(1, ceil(self.input + self.output / 2))


def weight_bytes(shape: Shape, bits: Bits) -> int:
    """Return the bytes of a model's weights at so many bits."""
    outside = shape.parameters - shape.linear + shape.vision
    if bits >= 16:  # noqa: PLR2004  all of it, as it is
        return (shape.linear + outside) * bits // 8
    stored = bits + Fraction(GROUP_BITS, GROUP) if bits == 4 else Fraction(bits)  # noqa: PLR2004
    return floor(shape.linear * stored / 8) + 2 * outside


def kv_bytes(shape: Shape, tokens: int, bits: Bits = 16) -> int:
    """Return the bytes of the KV cache of a sequence of so many tokens."""
    kept = shape.attended(-(-tokens // BLOCK) * BLOCK)
    return 2 * shape.kv_heads * shape.head_size * kept * bits // 8


def working_bytes(shape: Shape) -> int:
    """Return the bytes that a step works in, beside weights and cache, about.

    The feed-forward network's results and two hidden states of `STEP_TOKENS` tokens at 16 bits, and four copies of
    the logits of `SEQUENCES` tokens at 32 bits (for sampling). 1.27 GiB for Llama 3 8B, for which vLLM has
    reported 1.26 GiB (github.com/vllm-project/vllm/pull/10511, 2024-12-14).
    """
    step = STEP_TOKENS * (3 * shape.intermediate + 2 * shape.hidden) * 2
    return step + SEQUENCES * shape.vocabulary * 4 * 4


@dataclass(frozen=True, slots=True)
class Fit:
    """What a model takes on a GPU, bytes, with sequences of one length.

    `sequence`: one sequence's KV cache. `room`: what is left for all of them, negative where not even the
    weights fit. `sequences`: how many fit at once.
    """

    weights: int
    working: int
    sequence: int
    room: int
    sequences: int

    @property
    def fits(self) -> bool:
        """Whether at least one sequence fits beside the weights."""
        return self.sequences > 0


def fit(
    shape: Shape,
    memory: int,
    bits: Bits,
    context: int,
    utilization: float = UTILIZATION,
    kv_bits: Bits = 16,
) -> Fit:
    """Say what a model takes of so much memory, at so many bits, with sequences of `context` tokens."""
    weights, working, sequence = (
        weight_bytes(shape, bits),
        working_bytes(shape),
        kv_bytes(shape, context, kv_bits),
    )
    room = floor(memory * utilization) - weights - working
    return Fit(weights, working, sequence, room, max(0, room // sequence))


def sequences_at_once(
    shape: Shape,
    memory: int,
    precision: Precision,
    tokens: RequestTokens,
    most: int = SEQUENCES,
    utilization: float = UTILIZATION,
) -> int:
    """Return how many sequences run at once, `most` at most: as many as the cache holds while answers are written.

    0: not even one whole sequence fits.
    """
    whole = fit(shape, memory, precision.bits, tokens.whole, utilization, precision.kv_bits)
    if not whole.fits:
        return 0
    return min(most, whole.room // kv_bytes(shape, tokens.generating, precision.kv_bits))


@dataclass(frozen=True, slots=True)
class Speed:
    """Nanoseconds for an input token and for an output token of an engine that is full."""

    input_ns: float
    output_ns: float


def roofline(shape: Shape, gpu: Gpu, precision: Precision, sequences: int, tokens: RequestTokens) -> Speed:
    """Return the time of a token at best, with `sequences` at once."""
    attention = 4 * shape.heads * shape.head_size
    matrices = gpu.fp8_flops if precision.bits == 8 and gpu.fp8_flops else gpu.flops  # noqa: PLR2004  8-bit weights
    linear = 2 * shape.linear / matrices
    read = weight_bytes(shape, precision.bits) - (0 if shape.tied else 2 * shape.head) - 2 * shape.vision
    prompt = linear + attention * shape.attended(max(1, ceil(tokens.input))) / 2 / gpu.flops
    inputs = max(prompt, read / STEP_TOKENS / gpu.bandwidth)
    token = linear + (2 * shape.head + attention * shape.attended(tokens.generating)) / gpu.flops
    caches = sequences * kv_bytes(shape, tokens.generating, precision.kv_bits)
    step = max(sequences * token, (read + caches) / gpu.bandwidth)
    return Speed(inputs * NS, step / sequences * NS)


def estimate(shape: Shape, gpu: Gpu, precision: Precision, sequences: int, tokens: RequestTokens) -> Speed:
    """Return the time of a token as it is to be expected: `ACHIEVED` of the roofline, and `STEP_NS` a step."""
    best = roofline(shape, gpu, precision, sequences, tokens)
    return Speed(
        best.input_ns / ACHIEVED + STEP_NS / STEP_TOKENS, best.output_ns / ACHIEVED + STEP_NS / sequences
    )


def most_bits(shape: Shape, memory: int, context: int, choices: Sequence[Bits] = (16, 8, 4)) -> Bits | None:
    """Return the most bits at which a model fits, None where it does at none."""
    return next((bits for bits in choices if fit(shape, memory, bits, context).fits), None)


def mtok_nano(ns: float, nano_usd_per_hour: int) -> int:
    """Return what a million tokens cost that take so many nanoseconds each, nano-dollars, rounded half up."""
    return floor(Fraction(ns) * nano_usd_per_hour * 1_000_000 / (3600 * 10**9) + Fraction(1, 2))
