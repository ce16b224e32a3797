"""One run of one partition: infer, collect, publish."""
