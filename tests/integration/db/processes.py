"""Processes of their own for functions of tests, forked from one that has imported what they need."""

import multiprocessing

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.integration.db.test_leases", "tests.integration.db.test_migrations"])
