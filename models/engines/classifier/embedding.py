"""Sentence embeddings: one vector for a text, by an encoder of transformers."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import UsageError

Vectors = npt.NDArray[np.float32]
WEIGHTS = "model.safetensors"
_CHARACTERS_A_TOKEN = 32
"""More than any language has: what lies behind them, the model would not read either."""
_SLICE = 2048
"""Texts that are taken apart at once, so that those of like length are put together."""
_BATCH_TOKENS = 4_096
_GPU_BATCH_TOKENS = 65_536
_UNBOUNDED = 100_000
"""Tokenizers that know no limit say a number beyond it."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of length 1, a row for each text, and how many tokens the model read of each, its marks of begin and end included."""

    vectors: Vectors = field(repr=False)
    tokens: tuple[int, ...]


class SentenceEmbedder:
    """An embedding model in memory: on the GPU where torch sees one, else on as many threads as torch is set to."""

    def __init__(self, folder: Path) -> None:
        """Load it, asking no network and changing nothing for a language model that this process loads later.

        Raises `UsageError` in one line for a folder that holds no such model.
        """
        import torch  # noqa: PLC0415  they take seconds, and most commands embed nothing
        from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415
        from transformers.utils import logging  # noqa: PLC0415

        logging.disable_progress_bar()
        logging.set_verbosity_error()
        self.name = folder.name
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._first_token = _pools_first_token(folder)
            told = {"local_files_only": True, "trust_remote_code": False}
            self._tokenizer = AutoTokenizer.from_pretrained(folder, **told)
            model = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **told)
            self._longest = _longest(folder, self._tokenizer.model_max_length, model.config)
        except (OSError, ValueError, KeyError, AttributeError) as error:
            msg = f"{folder} holds no embedding model that transformers reads ({type(error).__name__}); name another folder"
            raise UsageError(msg) from error
        self._model: Any = model.to(self._device).eval()
        self.dimension = int(model.config.hidden_size)

    def embed(self, texts: Sequence[str], go_on: Callable[[int], None] = lambda _: None) -> Embedded:
        """Return the vectors of texts in their order; a text that is there several times is read once.

        Blanks around a text and runs of blanks in it make no difference. `go_on` is told how many are done, and may raise.
        """
        plain = [self._plain(text) for text in texts]
        distinct = list(dict.fromkeys(plain))
        vectors = np.zeros((len(distinct), self.dimension), dtype=np.float32)
        tokens = [0] * len(distinct)
        done = 0
        for start in range(0, len(distinct), _SLICE):
            ids = self._tokenizer(
                distinct[start : start + _SLICE], truncation=True, max_length=self._longest, padding=False
            )["input_ids"]
            for batch in self._batches([len(one) for one in ids]):
                go_on(done)
                rows = [start + at for at in batch]
                vectors[rows] = self._forward([ids[at] for at in batch])
                for row, at in zip(rows, batch, strict=True):
                    tokens[row] = len(ids[at])
                done += len(batch)
        place = {text: at for at, text in enumerate(distinct)}
        order = [place[text] for text in plain]
        return Embedded(vectors[order], tuple(tokens[at] for at in order))

    def close(self) -> None:
        """Free its memory."""
        self._model = None
        if self._device == "cuda":
            self._torch.cuda.empty_cache()

    def _plain(self, text: str) -> str:
        """Return what is read of a text; half a pair of surrogates, which is no character, becomes a question mark."""
        plain = " ".join(text.split())[: self._longest * _CHARACTERS_A_TOKEN]
        return plain.encode("utf-8", "replace").decode("utf-8")

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Yield texts of like length together, as many as fill a batch when all are as long as the longest."""
        most = _GPU_BATCH_TOKENS if self._device == "cuda" else _BATCH_TOKENS
        batch: list[int] = []
        for at in sorted(range(len(lengths)), key=lambda one: lengths[one]):
            if batch and (len(batch) + 1) * lengths[at] > most:
                yield batch
                batch = []
            batch.append(at)
        if batch:
            yield batch

    def _forward(self, ids: Sequence[Sequence[int]]) -> Vectors:
        torch = self._torch
        padded = self._tokenizer.pad({"input_ids": list(ids)}, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            states = self._model(**padded).last_hidden_state
            if self._first_token:
                pooled = states[:, 0]
            else:
                mask = padded["attention_mask"].unsqueeze(-1).to(states.dtype)
                pooled = (states * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
            found: Vectors = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return found


def weights_digest_of(folder: Path) -> str:
    """Return the SHA-256 of an embedding model's weights. Raises `UsageError` where they cannot be read."""
    try:
        with (folder / WEIGHTS).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        msg = f"cannot read the embedding model {folder / WEIGHTS}: {error.strerror}"
        raise UsageError(msg) from error


def _pools_first_token(folder: Path) -> bool:
    """Whether a text's vector is that of its first token, as the model's own file says; else it is the mean of all."""
    try:
        told = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return bool(told.get("pooling_mode_cls_token", False))


def _longest(folder: Path, tokenizer_limit: float, config: Any) -> int:  # noqa: ANN401  transformers' own type
    """Return how many tokens the model reads: what its file for sentences says, else its tokenizer and positions."""
    limits = [int(tokenizer_limit)] if tokenizer_limit < _UNBOUNDED else []
    limits += [int(config.max_position_embeddings)] if hasattr(config, "max_position_embeddings") else []
    own = folder / "sentence_bert_config.json"
    if own.is_file():
        limits.append(int(json.loads(own.read_text(encoding="utf-8"))["max_seq_length"]))
    return min(limits, default=512)
