"""The sliding window: every request ends once, few are in flight, identical ones are inferred once."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from models.engines.window import Window, in_order, is_parsed
from models.ids import new_id
from models.requests import Answer, Choice, CommonStart, Completion, Message, Request, Usage

SYSTEM = Message("system", "classify")
OUTPUT = Choice(("a", "b"))
SHAPE = "(Choice(labels=('a', 'b')), 4)"


def request(text: str, key: str = "k") -> Request:
    """Make a request with one user message."""
    return Request(new_id(), key, (SYSTEM, Message("user", text)), OUTPUT, 4)


class Remembering:
    """An in-memory answer index."""

    def __init__(self) -> None:
        self.answers: dict[bytes, Answer] = {}

    def get(self, digest: bytes) -> Answer | None:
        """Look an answer up."""
        return self.answers.get(digest)

    def put(self, digest: bytes, answer: Answer) -> None:
        """Keep an answer."""
        self.answers[digest] = answer


def drive(
    window: Window[Request], size: int, random: Random, inferred: list[Request]
) -> Iterator[Completion]:
    """Play an engine that finishes requests in random order, a few at a time."""
    flying: list[Request] = []
    while not window.exhausted:
        for taken in window.take():
            flying.append(taken)
            inferred.append(taken)
        assert window.in_flight == len(flying) <= size
        yield from window.reused()
        if not flying:
            continue
        done = flying.pop(random.randrange(len(flying)))
        yield from window.finish(Completion(done, text=done.messages[-1].content, usage=Usage(1, 0, 1)))


@given(
    texts=st.lists(st.sampled_from("abcdef") | st.text(max_size=3), max_size=60),
    size=st.integers(1, 8),
    lookahead=st.integers(1, 20),
    seed=st.integers(0, 999),
    remember=st.booleans(),
)
def test_each_request_completes_once_whatever_the_order(
    texts: list[str], size: int, lookahead: int, seed: int, remember: bool
) -> None:
    """Every request gets exactly one completion, its own text's answer, and identical ones share."""
    requests = [request(text, str(i)) for i, text in enumerate(texts)]
    index = Remembering() if remember else None
    inferred: list[Request] = []
    window = Window(iter(requests), size, lookahead, index)
    completions = list(drive(window, size, Random(seed), inferred))

    assert Counter(c.request.id for c in completions) == Counter(r.id for r in requests)
    assert all(c.text == c.request.messages[-1].content for c in completions)
    by_id: dict[UUID, Request] = {r.id: r for r in inferred}
    for completion in completions:
        if completion.reuses is not None:
            assert completion.usage is None
            assert by_id[completion.reuses].digest() == completion.request.digest()
    if remember:
        assert len(inferred) == len(set(texts))


def test_input_is_pulled_lazily() -> None:
    """Starting a stream over a long input pulls one block, not the whole."""
    pulled = 0

    def endless() -> Iterable[Request]:
        nonlocal pulled
        while True:
            pulled += 1
            yield request(str(pulled))

    window = Window(endless(), size=4, lookahead=10)
    assert len(list(window.take())) == 4
    assert pulled == 10


def test_a_million_twins_wait_in_bounded_memory() -> None:
    """Identical requests count towards the window: an endless run of twins cannot pile up."""
    pulled = 0

    def twins() -> Iterable[Request]:
        nonlocal pulled
        while True:
            pulled += 1
            yield request("same")

    window = Window(twins(), size=8, lookahead=2)
    assert len(list(window.take())) == 1
    assert pulled <= 10


def test_shared_prefixes_go_next_to_each_other() -> None:
    """Inside the look-ahead, requests are ordered by their messages, so that prefixes meet."""
    texts = ["shop B: one", "shop A: one", "shop B: two", "shop A: two"]
    window = Window([request(text) for text in texts], size=4, lookahead=4)
    assert [r.messages[-1].content for r in window.take()] == sorted(texts)


def test_twins_of_a_rejected_request_are_rejected_too() -> None:
    """A twin that waited for a rejected request gets the same reason and reuses nothing."""
    window = Window([request("x", "1"), request("x", "2")], size=4, lookahead=4)
    (first,) = window.take()
    ended = list(window.finish(Completion(first, rejection="refused", detail="no")))
    assert [(c.request.record_key, c.rejection, c.reuses) for c in ended] == [
        ("1", "refused", None),
        ("2", "refused", None),
    ]


def answered(request: Request, value: str | None, finish_reason: str = "stop") -> Completion:
    """Complete a request with an answer, or with a text that is none."""
    return Completion(request, text=value or "?", value=value, finish_reason=finish_reason)


def test_an_answer_of_no_use_is_not_shared() -> None:
    """Those that waited for it are asked for themselves, one after the other, until one is answered; later ones too."""
    index = Remembering()
    window = Window([request("x", str(n)) for n in range(4)], 8, 8, index, is_usable=is_parsed)
    (first,) = window.take()
    ended = list(window.finish(answered(first, None)))
    (second,) = window.promoted()
    ended += window.finish(answered(second, "a", "length"))
    assert not index.answers
    assert (window.in_flight, window.free) == (1, 6)
    (third,) = window.promoted()
    ended += window.finish(answered(third, "b"))
    assert not list(window.promoted())
    assert [(c.request.record_key, c.value, c.reuses) for c in ended] == [
        ("0", None, None),
        ("1", "a", None),
        ("2", "b", None),
        ("3", "b", third.id),
    ]
    assert (window.in_flight, window.free) == (0, 8)
    assert len(index.answers) == 1


def test_an_answer_of_no_use_is_shared_where_it_would_be_the_same_again() -> None:
    """Without a rule of what may be shared, as for a local engine, nobody is asked for twice."""
    window = Window([request("x", "1"), request("x", "2")], 4, 4)
    (first,) = window.take()
    ended = list(window.finish(answered(first, None)))
    assert [(c.request.record_key, c.reuses) for c in ended] == [("1", None), ("2", first.id)]
    assert not list(window.promoted())


def test_digest_tells_requests_apart() -> None:
    """Text, split between messages, output shape and token limit all decide the digest; the key does not."""
    base = request("ab", "1")
    assert base.digest() == request("ab", "2").digest()
    others = [
        Request(base.id, "1", (Message("system", "classifya"), Message("user", "b")), OUTPUT, 4),
        Request(base.id, "1", base.messages, Choice(("a",)), 4),
        Request(base.id, "1", base.messages, OUTPUT, 5),
        Request(base.id, "1", (Message("user", "classify"), Message("user", "ab")), OUTPUT, 4),
    ]
    assert len({base.digest(), *(other.digest() for other in others)}) == 5


def test_a_digest_is_the_same_from_a_start_that_others_had() -> None:
    """What requests have in common is hashed once; the digests, which stand in ledgers, are those of the whole text."""
    whole = f"{len(SHAPE)}:{SHAPE}system:8:classifyuser:2:\ud800b".encode("utf-8", "surrogatepass")
    start, known = CommonStart(), request("\ud800b")
    assert known.digest(start) == known.digest() == blake2b(whole, digest_size=16).digest()
    for other in (
        request("cd"),
        replace(known, max_tokens=5),
        request("cd"),
        replace(known, output=Choice(("a",))),
        replace(known, messages=(Message("user", "classify"), known.messages[-1])),
        replace(known, messages=(*known.messages, Message("user", "ab"))),
        replace(known, messages=()),
    ):
        assert replace(other).digest(start) == other.digest()


def test_requests_with_other_starts_are_ordered_by_them() -> None:
    """A block is ordered by all messages where they do not begin alike."""
    other = Message("system", "a classification")
    block = [request("b"), request("c"), replace(request("d"), messages=(other, Message("user", "d")))]
    assert [one.messages[-1].content for one in in_order(block)] == ["d", "b", "c"]
