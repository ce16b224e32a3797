"""Whether what a provider says that it charges is another amount than its price comes to."""

PERCENT = 100


def is_other_cost(cost_nano: int, provider_nano: int, tokens: int) -> bool:
    """Whether they differ by more than rounding: by more than 1 % of ours, and a nano-dollar a token."""
    differ = abs(cost_nano - provider_nano)
    return differ * PERCENT > cost_nano and differ > tokens
