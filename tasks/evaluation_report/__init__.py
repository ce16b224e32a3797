"""An evaluation as page, Markdown, JSON and tables."""
