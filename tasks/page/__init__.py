"""The read-only page over the ledger that `breakeven ledger serve` opens: NiceGUI over the queries of `db`.

It imports neither Prefect nor vLLM nor polars, so that it starts in a second or two.
"""
