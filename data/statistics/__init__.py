"""Statistics that the bot and training share."""
