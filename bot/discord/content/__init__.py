"""All that a message shows, as text: markup, embeds, polls, forwards, files."""
