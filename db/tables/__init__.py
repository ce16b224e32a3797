"""The tables of the cost ledger. Money is BIGINT nano-dollars, durations are nanoseconds, times are UTC."""

from db.tables.alerts import AlertDeliveryRow, AlertRow
from db.tables.decisions import (
    BillRow,
    DeliveryRow,
    EvaluationRow,
    InfrastructureTermsRow,
    LabourTermsRow,
    ReportRow,
)
from db.tables.learning import AuditRow, TrainedModelRow
from db.tables.lines import UNUSUAL, ApiSpendRow, DailyUsageRow, LedgerLineRow, TokenCalibrationRow
from db.tables.reference import EndpointRow, InfrastructureRow, ModelRow, PriceRow, PromptRow
from db.tables.runs import (
    ArchiveRow,
    BatchRow,
    LeaseRow,
    PartitionVersionRow,
    PartRow,
    QuarantinedCountRow,
    RunRow,
    ShardRow,
    WaitingCountRow,
)

__all__ = [
    "UNUSUAL",
    "AlertDeliveryRow",
    "AlertRow",
    "ApiSpendRow",
    "ArchiveRow",
    "AuditRow",
    "BatchRow",
    "BillRow",
    "DailyUsageRow",
    "DeliveryRow",
    "EndpointRow",
    "EvaluationRow",
    "InfrastructureRow",
    "InfrastructureTermsRow",
    "LabourTermsRow",
    "LeaseRow",
    "LedgerLineRow",
    "ModelRow",
    "PartRow",
    "PartitionVersionRow",
    "PriceRow",
    "PromptRow",
    "QuarantinedCountRow",
    "ReportRow",
    "RunRow",
    "ShardRow",
    "TokenCalibrationRow",
    "TrainedModelRow",
    "WaitingCountRow",
]
