"""Token probabilities become a distribution over the labels."""

from math import isclose, log

from hypothesis import given
from hypothesis import strategies as st

from models.engines.vllm.label_probabilities import label_probabilities


def test_labels_with_distinct_first_tokens() -> None:
    """The first step decides: its probabilities, normalised over what leads to a label."""
    steps = [{"pos": log(0.5), "neg": log(0.25), "the": log(0.25)}, {"itive": 0.0}]
    result = label_probabilities(["positive", "negative"], steps, ["pos", "itive"], "positive")
    assert isclose(result["positive"], 2 / 3)
    assert isclose(result["negative"], 1 / 3)


def test_labels_that_share_a_first_token() -> None:
    """A shared first token is decided by the second; the product is the label's probability."""
    steps = [{"re": log(0.8), "bill": log(0.2)}, {"fund": log(0.75), "turns": log(0.25)}]
    result = label_probabilities(["refund", "returns", "billing"], steps, ["re", "fund"], "refund")
    assert isclose(result["refund"], 0.6)
    assert isclose(result["returns"], 0.2)
    assert isclose(result["billing"], 0.2)


def test_a_label_that_is_the_prefix_of_another() -> None:
    """When the answer stops at the shorter label, the longer one does not get its mass."""
    steps = [{"card": 0.0}, {"": log(0.9), "_lost": log(0.1)}]
    result = label_probabilities(["card", "card_lost"], steps, ["card", ""], "card")
    assert result["card"] > result["card_lost"]


@given(
    st.lists(st.text("abc", min_size=1, max_size=5), min_size=1, max_size=6, unique=True),
    st.lists(st.floats(-20, 0), min_size=40, max_size=40),
    st.data(),
)
def test_probabilities_sum_to_one(labels: list[str], logprobs: list[float], data: st.DataObject) -> None:
    """Whatever the tokens and labels, the result is a proper distribution."""
    answer = data.draw(st.sampled_from(labels))
    numbers = iter(logprobs)
    steps = []
    for i in range(len(answer)):
        tokens = {label[i] for label in labels if len(label) > i and label.startswith(answer[:i])}
        steps.append({token: next(numbers) for token in sorted(tokens)})
    result = label_probabilities(labels, steps, list(answer), answer)
    assert isclose(sum(result.values()), 1.0, rel_tol=1e-9)
    assert all(p >= 0 for p in result.values())
