"""Settings, `.env`, logs and standard streams."""
