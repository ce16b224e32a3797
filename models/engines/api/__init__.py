"""The API engine: any OpenAI-compatible endpoint, asked synchronously."""
