"""Part files, scratch database, committer, outcomes, and merging parts into one file."""
