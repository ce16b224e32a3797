"""The local engine: vLLM, offline."""
