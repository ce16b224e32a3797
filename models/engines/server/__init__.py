"""The local engine where a server of one's own is it: any OpenAI-compatible server that is declared in-house."""
