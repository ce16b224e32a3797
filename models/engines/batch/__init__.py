"""The Batch API of OpenAI and of endpoints that speak it."""
