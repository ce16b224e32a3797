"""What twelve months of real prompts would cost: prompts read and counted, figures made, tables and pictures."""
