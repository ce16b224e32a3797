"""What the Batch API server of the tests finds wrong with a request file when it checks it."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.batch_answers import Json, input_tokens

if TYPE_CHECKING:
    from tests.batch_state import Rules, StoredBatch


def problems_of_file(content: bytes, batch: "StoredBatch", rules: "Rules") -> Iterator[Json]:
    """Check a request file and fill the batch; yield what is wrong with it."""
    lines = content.splitlines()
    if not lines:
        yield problem("empty_file", None, "The file is empty")
    if len(content) > rules.max_bytes:
        yield problem("file_too_large", None, "The file is too large")
    if len(lines) > rules.max_requests:
        yield problem("too_many_tasks", None, "The file holds too many requests")
    seen: set[Any] = set()
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
        except ValueError:
            yield problem("invalid_json_line", number, "This line is not parseable as valid JSON.")
            continue
        yield from _problems_of_line(entry, number, batch, rules)
        if entry.get("custom_id") in seen:
            yield problem("duplicate_custom_id", number, "The custom_id is not unique", "custom_id")
        seen.add(entry.get("custom_id"))
        batch.waiting.append(entry)
        batch.tokens += input_tokens(entry["body"])


def _problems_of_line(entry: Json, number: int, batch: "StoredBatch", rules: "Rules") -> Iterator[Json]:
    if entry.get("method") != "POST" or entry.get("url") != batch.fields["endpoint"]:
        yield problem("invalid_url", number, "method and url must be those of the batch", "url")
    model = entry["body"]["model"]
    batch.model = batch.model or model
    if model != batch.model:
        yield problem("mismatched_model", number, "all requests must be for one model", "body.model")
    if rules.models and model not in rules.models:
        yield problem("model_not_found", number, f"The model `{model}` does not exist", "body.model")


def problem(code: str, line: int | None, message: str, param: str | None = None) -> Json:
    """Return one entry of a failed batch's errors."""
    return {"code": code, "line": line, "message": message, "param": param}
