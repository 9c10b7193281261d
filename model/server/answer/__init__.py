"""One answer on its way: tokens in, text and calls out, up to the one end."""
