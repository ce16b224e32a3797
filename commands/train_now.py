"""Trains from the terminal, in this process, and asks once whether an API's answers may be trained on."""

from collections.abc import Callable
from dataclasses import replace

from commands.run_inline import train_one
from commands.terminal import raise_on_sigterm
from flows.environment import read_settings
from models import workloads
from models.training.trained import TrainedModel
from tasks.display.confirm import confirm
from tasks.display.messages import message_console
from tasks.display.working import show_working
from tasks.training.consent import models_to_ask, question
from tasks.training.describe import describe_trained
from tasks.training.request import TrainingRequest

Train = Callable[[TrainingRequest, Callable[[str], None]], TrainedModel]


def train_and_print(ask: TrainingRequest, train: Train = train_one) -> int:
    """Train one model now, and say what came of it. Returns the exit code.

    Raises `UsageError` where an API's answers are to be trained on, and nobody is there to be asked.
    """
    console, settings = message_console(), read_settings()
    workload = workloads.build(ask.workload, settings)  # an unknown name is an error before anything starts
    with raise_on_sigterm():
        if not ask.consent and (models := models_to_ask(workload, settings, ask.teacher)):
            unattended = (
                "training on an API's answers asks first whether its provider's terms allow it "
                "(docs/training.md#what-providers-say), and nobody is there to answer: add --yes if they do"
            )
            if not confirm(console, question(models), unattended):
                console.print("nothing was trained")
                return 0
            ask = replace(ask, consent=True)
        with show_working(f"training {ask.workload}"):
            found = train(ask, console.print)
    console.print(describe_trained(found))
    after = (
        f"`breakeven trained retire {found.workload}` takes it out again"
        if found.state == "in_force"
        else f"`breakeven trained use {found.workload} {found.name}` puts it in force"
    )
    console.print(after)
    return 0
