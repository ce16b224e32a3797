"""`breakeven train` and `breakeven trained`: models that are trained on a workload's own answers and labels, and their registry."""

from typing import Annotated

from cyclopts import App, Parameter, validators

from commands.numbers import Number
from models.training.trained import Teacher, TrainedKind
from tasks.display.formats import TableFormat


def train(
    workload: str,
    /,
    *,
    kind: TrainedKind = "classifier",
    minutes: Annotated[float, Parameter(validator=validators.Number(gt=0))] = 10.0,
    usd: Number | None = None,
    teacher: Teacher = "labels",
    labels: str | None = None,
    seed: int = 0,
    use: bool = False,
    yes: bool = False,
) -> int:
    """Train a classifier, an adapter or triage for a workload, on people's labels or an API's answers, and measure it on held-out texts.

    Parameters
    ----------
    workload
        Name of the workload, such as sentiment.
    kind
        classifier: for workloads that answer labels, in seconds; adapter: on the workload's own language model, for all;
        triage: tells which records the small model will be wrong on, from evaluations and audits of it.
    minutes
        Processor minutes that an adapter is trained; a classifier takes what it needs.
    usd
        Dollars of this machine's time that an adapter is trained at most; whichever ends first holds.
    teacher
        Whose answers are learnt: people's labels, an API's published answers (and audits), or both.
    labels
        Parquet, CSV or JSON lines file of labelled records; default: labelled_file of the workload's settings.
    seed
        What is drawn at random is drawn by it.
    use
        Put in force what comes of it; else it is a candidate, until `breakeven trained use`.
    yes
        Do not ask: the terms of the API's provider allow to train on its answers.
    """
    from commands.train_now import train_and_print
    from flows.streams import guard_streams
    from tasks.training.request import TrainingRequest

    guard_streams()  # it goes on where nobody reads what it prints
    return train_and_print(TrainingRequest(workload, kind, minutes, teacher, labels, seed, use, yes, usd))


trained = App(name="trained", help="The registry of what was trained here.")


@trained.command(name="list")
def list_(workload: str | None = None, /, *, format: TableFormat = "table") -> None:
    """List what was trained, the newest first: state, accuracy on held-out texts, what it took.

    Parameters
    ----------
    workload
        Name of the workload; default: all.
    format
        How the rows are printed.
    """
    from flows.environment import read_settings
    from tasks.training.registry import show_trained

    show_trained(read_settings(), workload, format)


@trained.command
def use(workload: str, name: str, /) -> None:
    """Put a trained model in force: from now on runs of the workload use it.

    Parameters
    ----------
    workload
        Name of the workload.
    name
        Name of the trained model, as `breakeven trained list` shows it.
    """
    from flows.environment import read_settings
    from tasks.display.messages import message_console
    from tasks.training.registry import use as put_in_force

    message_console().print(put_in_force(read_settings(), workload, name))


@trained.command
def retire(workload: str, name: str | None = None, /) -> None:
    """Take a trained model out of use: runs go on without it. Its folder stays, so that one can go back.

    Parameters
    ----------
    workload
        Name of the workload.
    name
        Name of the trained model; default: what is in force.
    """
    from flows.environment import read_settings
    from tasks.display.messages import message_console
    from tasks.training.registry import retire as take_out

    message_console().print(take_out(read_settings(), workload, name))
