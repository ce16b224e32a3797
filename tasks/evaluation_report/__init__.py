"""evaluation_report."""
