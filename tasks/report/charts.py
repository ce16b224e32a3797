"""The report's pictures, by their names."""

from tasks.documents.page import Chart
from tasks.report.cost_charts import draw_break_even_curve, draw_cost_by_month
from tasks.report.month_report import MonthReport
from tasks.report.usage_charts import draw_utilization, draw_workloads


def draw_charts(report: MonthReport) -> dict[str, Chart]:
    """Draw every picture that has something to show, by its name."""
    charts = {
        "cost_by_month": draw_cost_by_month(report.figures),
        "break_even_curve": draw_break_even_curve(report.figures),
        "workloads": draw_workloads(report.figures),
        "utilization": draw_utilization(report.figures),
    }
    return {name: chart for name, chart in charts.items() if chart is not None}
