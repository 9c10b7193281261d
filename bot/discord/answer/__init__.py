"""From a request's events to messages: split, paced, edited, with buttons."""
