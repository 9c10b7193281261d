"""One chat turn without a front end: from an ask to a stored answer."""
