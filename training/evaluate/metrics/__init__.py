"""The measures on answers, one module for each kind; no model is needed."""
