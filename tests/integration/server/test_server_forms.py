"""A form of asking that others were answered in is the one that a late refusal is asked again in."""

import asyncio
from typing import cast
from uuid import UUID

from models.engines.api.chat_client import ChatClient
from models.engines.api.replies import Reply
from models.engines.server.flight_clock import FlightClock
from models.engines.server.sender import ServerSender
from models.requests import Completion, JsonValue
from tests.faulty_replies import completion
from tests.integration.server.harness import SOON, fates, options, request


class LateRefusal:
    """Refuses `response_format` and names nothing; one record's first refusal comes after another record's answer."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()

    async def ask(self, body: dict[str, JsonValue], _: UUID) -> Reply:
        """Answer, or refuse."""
        if "response_format" in body:
            if "slow" in str(body["messages"]):
                await self.answered.wait()
            return Reply(400)
        self.answered.set()
        return Reply(200, completion(body))


async def ask_both() -> list[Completion]:
    """Ask for two records at one time."""
    client = cast("ChatClient", LateRefusal())
    sender = ServerSender(options("http://127.0.0.1:1/v1"), client, FlightClock(), SOON)
    return list(await asyncio.gather(*(sender.answer(request(text, text)) for text in ("slow", "fast"))))


def test_a_refusal_that_comes_after_the_first_answer_is_asked_again() -> None:
    """It was sent in a form that the server does not take: no fault of the record."""
    assert fates(asyncio.run(ask_both())) == {"slow": "answered", "fast": "answered"}
