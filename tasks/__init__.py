"""I/O: read, infer, commit, publish. With flows/ the only place that imports prefect."""
