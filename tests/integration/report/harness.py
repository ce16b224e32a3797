"""A month's inputs, letters, settings and servers for tests of the report and its delivery."""

import http.server
import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from apprise import Apprise

from models.economics.gpu_run import GpuRun
from models.economics.month import (
    InfrastructureTerms,
    LabourTerms,
    MonthInputs,
    PriceUse,
    Rate,
    Tokens,
    WorkloadUsage,
)
from models.gpu_time import GpuTime
from models.settings import Settings
from tasks.documents.letter import Letter

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # at the first URL Apprise loads all its services, of which some warn
    Apprise.instantiate("json://127.0.0.1")

MONTH = date(2026, 10, 1)
DOLLAR = 1_000_000_000
HOUR = 3600 * DOLLAR  # nanoseconds
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)
LETTER = Letter(
    subject="Break-even report, October 2026: it pays",
    text="# October\n\nIt pays: 12,34 € at Müller's; <b>not bold</b>.\n.\n.. a line of dots\n"
    + "long " * 300
    + "\n",
    html='<html lang="en"><body><p>It pays: 12,34 €</p><img alt="a" src="cid:one.1@breakeven"></body></html>',
    summary="It pays.\nVersion 1.",
    images={"one.1@breakeven": PNG},
)


def inputs(spent: int = 600, name: str = "sentiment", days: int = 31) -> MonthInputs:
    """Return a month in which the API would have cost `spent` dollars, and a reserved GPU of $250 was paid."""
    price = PriceUse(
        provider="openai",
        model="gpt-4o-mini",
        effective_from=date(2024, 7, 18),
        input_nano_per_mtok=150_000_000,
        cached_input_nano_per_mtok=75_000_000,
        output_nano_per_mtok=600_000_000,
        source="genai-prices",
        first_day=MONTH,
        last_day=MONTH.replace(day=days),
        input_tokens=spent * 4_000_000,
        output_tokens=spent * 2_000_000 // 3,
        nano=spent * DOLLAR,
    )
    usage = WorkloadUsage(
        workload=name,
        runs=1,
        records=100_000,
        local=100_000,
        local_tokens=Tokens(9_000_000, 1_000_000, 2_000_000),
        counterfactual=(price,),
    )
    run = GpuRun(
        name, "A10G", datetime(2026, 10, 3, 2, tzinfo=UTC), GpuTime(HOUR // 60, 9 * HOUR, HOUR), DOLLAR
    )
    terms = InfrastructureTerms("A10G", "reserved", Rate(nano_per_month=250 * DOLLAR), date(2026, 1, 1))
    labour = LabourTerms(date(2026, 1, 1), 120, 720, 100 * DOLLAR)
    return MonthInputs(MONTH, days, (usage,), (run,), (terms,), (labour,), Decimal("0.5"))


def make_settings(url: str, folder: Path, **more: Any) -> Settings:  # noqa: ANN401  as pydantic takes them
    """Return settings of a ledger and an output folder."""
    return Settings.model_validate(
        {"database_url": url, "output_dir": folder / "out", "database_patience_seconds": 5, **more}
    )


def by_mail(port: int, *to: str, **more: object) -> dict[str, object]:
    """Return mail settings for a server on loopback."""
    server = {"host": "127.0.0.1", "port": port, "security": "none", "timeout_seconds": 5}
    return server | {"sender": "Reports <reports@example.org>", "to": to or ("cfo@example.org",), **more}


@dataclass
class ChatRoom:
    """A chat service: keeps what is posted, and answers with a status that may be changed."""

    status: int = 200
    posted: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    port: int = 0

    def url(self) -> str:
        """Return its Apprise URL, with a token in it that is secret."""
        return f"json://127.0.0.1:{self.port}/hooks/s3cr3t-t0ken"


@contextmanager
def chat_room() -> Iterator[ChatRoom]:
    """Open a chat service on loopback."""
    room = ChatRoom()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            room.paths.append(self.path)
            if room.status == 200:
                room.posted.append(json.loads(body))
            self.send_response(room.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    room.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield room
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
