"""What a provider says of how it served an attempt goes along with the closed attempt, also of one that was no answer."""

from models.engines.api.engine import OpenAIEngine
from models.requests import Served
from tests.faulty_api import FaultyApi, Rule
from tests.integration.api.harness import Book, check_books, limits, options, request


def test_model_tier_and_cost_go_along() -> None:
    """Of another model, another tier and a cost of the provider's own; a dated snapshot at the standard tier is nothing of note."""
    rules = [
        Rule(("served:gpt-9,priority,0.00014",), match="one"),
        Rule(("served:test-model-2024-07-18,default,",), match="two"),
        Rule(("served:,flex,", "served:,,0.5"), match="three"),
    ]
    book = Book()
    with FaultyApi(rules) as api:
        asked = options(api.url)
        engine = OpenAIEngine(asked, book, limits(asked))
        for done in engine.stream([request(text, text) for text in ("one", "two", "three")]):
            book.settle([done])
        engine.close()
    served = {book.lines[id_].request.record_key: closed.served for id_, closed in book.closed.items()}
    assert served == {
        "one": Served("gpt-9", "priority", 140_000),
        "two": None,
        "three": Served(None, "flex", None),
    }
    check_books(book, api)
