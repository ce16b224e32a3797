"""What cutting a partition into shards comes to, as a line for people."""

from models.economics.sharding import ShardChoice, ShardPlan
from tasks.documents.amounts import hours, plural, usd


def describe_choice(choice: ShardChoice) -> str:
    """Say what was chosen for one partition, and why."""
    whole = f"one worker {describe_plan(choice, choice.whole)}"
    if choice.cut is None:
        return f"not cut: it is too small ({whole})"
    cut = f"{plural(choice.cut.workers, 'worker')} {describe_plan(choice, choice.cut)}"
    if choice.takes_cut:
        return f"cut into {choice.cut.shards} shards: {cut}, {whole}"
    return f"not cut: {cut}, {whole}"


def describe_plan(choice: ShardChoice, plan: ShardPlan) -> str:
    """Say how long a plan takes, and what it costs."""
    return f"{hours(plan.elapsed_ns)} and {usd(choice.cost_nano(plan))}"
