"""The monthly flow: the break-even report of a month is made, shown, written and delivered."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
from prefect import Flow, State, flow, get_client, get_run_logger, runtime
from prefect.exceptions import PrefectException

from flows.dates import due_at
from flows.environment import read_settings
from flows.final_state import final_state
from models.errors import BreakevenError, UsageError
from models.months import month_of, months_later, parse_month
from models.settings import Settings
from models.settings.delivery import recipients
from tasks.delivery.deliver import Delivered, deliver_all, explain_failures
from tasks.delivery.senders import make_task_sender
from tasks.display.prefect_artifacts import publish_cost_table, publish_markdown
from tasks.report.files import Rendered, folder_of, render_report, write_files
from tasks.report.versions import Monthly, make_report
from tasks.runtime.flow_run import as_task

NAME = "break_even"


@dataclass(frozen=True, slots=True)
class Reported:
    """What a run of the flow came to: the version of the month's report, its verdict, where it lies."""

    month: date
    version: int
    verdict: str
    path: str


BreakEvenFlow = Flow[..., Reported | State[BreakevenError]]
Make = Callable[[date, Settings], Monthly]


def last_month(at: datetime, zone: tzinfo) -> date:
    """Return the first day of the month that was the last one at an instant, by the calendar of a time zone."""
    return months_later(month_of(at.astimezone(zone).date()), -1)


def schedule_zone() -> tzinfo:
    """Return the time zone of the deployment's schedule; UTC where there is none, or the server does not tell."""
    deployment = runtime.deployment.id
    if deployment is None:
        return UTC
    try:
        with get_client(sync_client=True) as client:
            schedules = client.read_deployment(deployment).schedules
        zones = [getattr(one.schedule, "timezone", None) for one in schedules if one.active]
        return next((ZoneInfo(zone) for zone in zones if zone), UTC)
    except (httpx.HTTPError, PrefectException, ZoneInfoNotFoundError):
        return UTC


def choose_month(month: str | None) -> date:
    """Return the month that was asked for, or the last one when this run was due. Raises `UsageError`."""
    if month is not None:
        return parse_month(month)
    return last_month(due_at(), schedule_zone())


def name_of_run() -> str:
    """Name a run by its month: `break_even 2026-10`."""
    month = runtime.flow_run.parameters.get("month")
    return f"{NAME} {month or f'{choose_month(None):%Y-%m}'}"


def build(make: Make = make_report) -> BreakEvenFlow:
    """Make the flow over what makes a month's report."""

    @flow(name=NAME, flow_run_name=name_of_run, description="The break-even report of a month.")
    def break_even(
        month: str | None = None, send: bool | None = None, resend: bool = False
    ) -> Reported | State[BreakevenError]:
        """Make the report of a month, show it, write it and send it.

        Args:
            month: The month, YYYY-MM. Default: the last one when the run was due, by the schedule's time zone.
            send: Whether to send the report. Default: if the settings name anyone. Each gets a month's report once.
            resend: Send it also to those who have got it.
        """
        try:
            settings = read_settings()
            monthly = as_task(make)(choose_month(month), settings)
            if month is None and not monthly.complete:
                return final_state(_too_early(monthly.month))
            rendered = render_report(monthly.report)
            page = write_files(rendered.files, folder_of(settings, monthly.month), settings.group_access)
            publish_markdown("break-even", rendered.text, f"Break-even report of {monthly.month:%Y-%m}")
            if should_send(settings, send=send, resend=resend):
                _deliver(settings, monthly, rendered, resend=resend)
        except BreakevenError as error:
            return final_state(error)
        get_run_logger().info("%s", rendered.verdict)
        return Reported(monthly.month, monthly.report.version, rendered.verdict, str(page))

    return break_even


def should_send(settings: Settings, *, send: bool | None, resend: bool) -> bool:
    """Whether the report is to be sent: as asked for, else if the settings name anyone."""
    if send is None:
        return resend or bool(recipients(settings.smtp, settings.chat))
    return send


def _deliver(settings: Settings, monthly: Monthly, rendered: Rendered, *, resend: bool) -> None:
    """Send the report, show the state of each message, and raise `DeliveryError` if anything is wrong."""
    send_each = make_task_sender(rendered.letter, settings)
    delivered = deliver_all(settings, monthly, resend=resend, send_each=send_each)
    if rows := delivery_rows(delivered):
        publish_cost_table("break-even-deliveries", rows, f"To whom {monthly.month:%Y-%m} went")
    for one in delivered.left:
        level = logging.WARNING if one.wrong else logging.INFO
        get_run_logger().log(level, "%s: %s", one.recipient.target, one.why)
    if (error := explain_failures(monthly.month, delivered)) is not None:
        raise error


def delivery_rows(delivered: Delivered) -> list[dict[str, str]]:
    """Render the messages about a month as rows of a table."""
    return [
        {
            "to": one.target,
            "by": one.channel,
            "state": one.state,
            "attempts": str(one.attempts),
            "last at": f"{one.last_at:%Y-%m-%d %H:%M:%S} UTC",
            "error": one.error or "",
        }
        for one in delivered.all
    ]


def _too_early(month: date) -> UsageError:
    msg = f"{month:%Y-%m} is not over in UTC, in which months are counted: let the schedule run some hours later"
    return UsageError(msg)


break_even = build()
