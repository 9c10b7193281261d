"""The JSON that worker and clients exchange: OpenAI's shapes, with `fungpt` fields added."""
