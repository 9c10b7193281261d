"""The bot: front ends, the durable queue and the worker's supervision."""
