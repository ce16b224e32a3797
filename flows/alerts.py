"""The daily flow: what stands is looked at, shown, and what is new is sent."""

from collections.abc import Callable

from prefect import Flow, State, flow, get_run_logger

from flows.environment import read_settings
from flows.final_state import final_state
from models.errors import BreakevenError
from models.settings import Settings
from models.settings.delivery import recipients
from tasks.alerts.send import AlertsSent, explain_failures, look_only, send_alerts
from tasks.alerts.show import as_markdown
from tasks.display.prefect_artifacts import publish_markdown

AlertsFlow = Flow[..., int | State[BreakevenError]]
Look = Callable[[Settings], AlertsSent]


def build(look: Look = look_only, send_new: Look = send_alerts) -> AlertsFlow:
    """Make the flow over what looks, and what looks and sends."""

    @flow(
        name="alerts", description="What somebody should hear of before the month is over; each of it once."
    )
    def alerts(send: bool | None = None) -> int | State[BreakevenError]:
        """Look at what stands now, show it, and send what is new; return how many alerts stand.

        Args:
            send: Whether to send what is new. Default: if the settings name anyone. Each recipient gets each alert once.
        """
        try:
            settings = read_settings()
            wanted = bool(recipients(settings.smtp, settings.chat)) if send is None else send
            done = send_new(settings) if wanted else look(settings)
        except BreakevenError as error:
            return final_state(error)
        publish_markdown("alerts", as_markdown(done.standing), "What stands now, and what to do about it")
        for problem in done.standing.problems:
            get_run_logger().warning(problem)
        for one, count in done.sent.items():
            get_run_logger().info("%s: %s new", one.target, count)
        if (failure := explain_failures(done)) is not None:
            return final_state(failure)
        return len(done.standing.alerts)

    return alerts


alerts = build()
