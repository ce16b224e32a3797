"""What somebody should hear of before the month is over: found, told once, with what to do."""
