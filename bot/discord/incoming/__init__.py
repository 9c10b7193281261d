"""What Discord says: messages, what was said before them, whether they are for the bot."""
