"""The schema of release 0.1.0, by topic. It is frozen: what changes it is another migration."""
