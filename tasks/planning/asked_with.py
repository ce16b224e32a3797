"""A hash over what decides an API's answers: whether asking again can give other ones."""

import json
from hashlib import blake2b

from models.engines.api.options import ApiOptions
from models.workloads.base import Workload


def hash_settings(workload: Workload, options: ApiOptions) -> str:
    """Return 16 hex digits over the workload and the settings that a request to the API is made of."""
    asked = (
        workload.fingerprint,
        options.base_url,
        options.model,
        options.structured_output,
        options.reasoning_effort,
        options.reasoning_room,
        options.seed,
        sorted(options.omit_fields),
        json.dumps(dict(options.extra_body), sort_keys=True),
    )
    return blake2b(repr(asked).encode(), digest_size=8).hexdigest()
