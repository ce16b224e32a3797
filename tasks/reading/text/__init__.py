"""CSV and JSON files, row by row."""
