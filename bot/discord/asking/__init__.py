"""From a message to a request: who may ask, and what an earlier run left."""
