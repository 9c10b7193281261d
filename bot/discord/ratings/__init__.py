"""From reactions to ratings, also those made while the bot was away."""
