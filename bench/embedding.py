"""Sentence embeddings by transformers, as a classifier has them, beside vLLM's own pooling: `python -m bench.embedding [TEXTS]`.

Each in a process of its own, from loading to the last vector; the vectors of both are compared.
"""

import sys
import time

import numpy as np

from bench.child import results, tell
from bench.labelled import SENTIMENT, read
from bench.report import DATA, Finding, publish
from models.default_embedder import find_embedder
from models.engines.classifier.embedding import SentenceEmbedder
from models.settings import Settings

TEXTS = 500
WARM = 32


def texts_of(count: int) -> list[str]:
    """Return messages as they are in the file."""
    return [row.text for row in read(SENTIMENT, "sentiment", "report")][:count]


def by_transformers(texts: list[str]) -> None:
    """Load, embed and tell what it took."""
    clock, cpu = time.perf_counter(), time.process_time()
    embedder = SentenceEmbedder(find_embedder(Settings().cache_dir))
    embedder.embed(texts[:WARM])
    loaded, loaded_cpu = time.perf_counter() - clock, time.process_time() - cpu
    cpu = time.process_time()
    vectors = embedder.embed(texts).vectors
    _tell(loaded, loaded_cpu, time.process_time() - cpu, vectors)


def by_vllm(texts: list[str]) -> None:
    """Do the same with vLLM's pooling, without compiling and with little memory."""
    clock, cpu = time.perf_counter(), time.process_time()
    from vllm import LLM  # noqa: PLC0415  only this child loads it

    model = LLM(
        str(find_embedder(Settings().cache_dir)),
        runner="pooling",
        max_model_len=256,
        gpu_memory_utilization=0.1,
        enforce_eager=True,
    )
    model.embed(texts[:WARM], use_tqdm=False)
    loaded, loaded_cpu = time.perf_counter() - clock, time.process_time() - cpu
    cpu = time.process_time()
    found = model.embed(texts, use_tqdm=False, tokenization_kwargs={"truncation": True, "max_length": 256})
    _tell(loaded, loaded_cpu, time.process_time() - cpu, np.asarray([one.outputs.embedding for one in found]))


def _tell(loaded: float, loaded_cpu: float, took: float, vectors: np.ndarray) -> None:
    tell({"load_s": loaded, "load_cpu_s": loaded_cpu, "cpu_s": took, "vectors": vectors.round(6).tolist()})


BY = {"transformers": by_transformers, "vllm": by_vllm}


def main() -> None:
    """Measure both, or be one of them."""
    if len(sys.argv) > 2:  # noqa: PLR2004  a child
        BY[sys.argv[1]](texts_of(int(sys.argv[2])))
        return
    if not DATA.exists():
        print("embedding skipped: the real data sets are not in ../shared/data")
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else TEXTS
    found = {name: next(results("bench.embedding", name, count, quiet=True)) for name in BY}
    ours, other = (np.asarray(found[name].pop("vectors")) for name in BY)
    rows = [
        {"by": name, **told, "cpu_ms_a_text": 1000 * told["cpu_s"] / count} for name, told in found.items()
    ]
    least = float((ours * other).sum(axis=1).min())
    publish(
        Finding(
            "embedding",
            "Sentence embeddings, by transformers and by vLLM's pooling",
            rows,
            {"texts": count},
            [f"The least similar pair of vectors of one text has a cosine of {least:.5f}."],
        )
    )


if __name__ == "__main__":
    main()
