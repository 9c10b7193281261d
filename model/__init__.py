"""The inference worker: a 4-bit model with its LoRA adapters behind an OpenAI-compatible API."""
