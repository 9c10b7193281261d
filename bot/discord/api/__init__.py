"""Discord's HTTP interface: who the bot is there, rate limits, other addresses."""
