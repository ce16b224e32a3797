"""The training flow: one workload, one classifier or adapter, into the registry."""

from collections.abc import Callable
from decimal import Decimal

from prefect import Flow, State, flow, get_run_logger, runtime

from flows.environment import read_settings
from flows.final_state import final_state
from models.errors import BreakevenError
from models.settings import Settings
from models.training.trained import Teacher, TrainedKind, TrainedModel
from tasks.display.prefect_artifacts import artifact_key, publish_markdown
from tasks.documents.markdown import escape
from tasks.training.describe import describe_trained
from tasks.training.request import MINUTES, TrainingRequest
from tasks.training.train import train

TrainingFlow = Flow[..., TrainedModel | State[BreakevenError]]
Train = Callable[[TrainingRequest, Settings, Callable[[str], None]], TrainedModel]


def name_of_run() -> str:
    """Name a run by what is trained: `training sentiment classifier`."""
    given = runtime.flow_run.parameters
    return f"training {given.get('workload')} {given.get('kind')}"


def build(train_one: Train = train) -> TrainingFlow:
    """Make the flow over what trains one model."""

    @flow(
        name="training",
        flow_run_name=name_of_run,
        description="A classifier or an adapter for one workload, trained on its labels and answers.",
    )
    def training(  # noqa: PLR0913, PLR0917  what a user can ask for, by name
        workload: str,
        kind: TrainedKind = "classifier",
        minutes: float = MINUTES,
        teacher: Teacher = "labels",
        labels: str | None = None,
        seed: int = 0,
        use: bool = False,
        consent: bool = False,
        usd: Decimal | None = None,
    ) -> TrainedModel | State[BreakevenError]:
        """Train a classifier or an adapter for one workload, measure it on held-out texts, and put it into the registry.

        Args:
            workload: Name of the workload.
            kind: classifier (of labels), adapter (of any kind), or triage (where the small model is wrong).
            minutes: Processor minutes that an adapter is trained.
            teacher: Whose answers are learnt: people's labels, an API's published answers, or both.
            labels: File of labelled records, CSV, JSON lines or Parquet. Default: the workload's setting.
            seed: What is drawn at random is drawn by it.
            use: Put in force what comes of it; else it is a candidate.
            consent: The terms of the API's provider allow to train on its answers.
            usd: Dollars of the machine's time that an adapter is trained at most, beside the minutes.
        """
        ask = TrainingRequest(workload, kind, minutes, teacher, labels, seed, use, consent, usd)
        try:
            found = train_one(ask, read_settings(), get_run_logger().info)
        except BreakevenError as error:
            return final_state(error)
        said = describe_trained(found)
        publish_markdown(artifact_key("training", workload), escape(said), f"Training of {workload}")
        get_run_logger().info("%s", said)
        return found

    return training


training = build()
