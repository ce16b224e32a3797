"""Engines answer requests. One Protocol (`base.Engine`); one file an engine."""
