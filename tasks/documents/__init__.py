"""What every document shares: its page model, HTML, Markdown, JSON, amounts, plots, letters."""
