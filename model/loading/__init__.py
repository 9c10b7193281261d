"""Base models, adapters and the registry of promoted ones, from disk or hub."""
