"""Files of labelled records, and samples to label."""
