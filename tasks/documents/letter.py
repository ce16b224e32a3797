"""What a recipient gets, as plain values: rendered once, sent to each."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Letter:
    """A report as a message.

    `html` names its images as `cid:ID`, `images` holds the PNG of each ID, which is `NAME.SOMETHING@DOMAIN`. `text` is the whole report as
    plain text, `summary` the few lines that fit into a chat. Nothing in it is a secret.
    """

    subject: str
    text: str
    html: str
    summary: str
    images: Mapping[str, bytes] = field(default_factory=dict)
