"""The HTTP server: requests in, streamed answers out."""
