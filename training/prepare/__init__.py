"""From rows to a cleaned, deduplicated and divided data set."""
