"""What is measured on answers, each measure a module. Nothing here knows a model."""
