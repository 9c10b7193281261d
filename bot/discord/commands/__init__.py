"""The slash commands and buttons, a cog each."""
