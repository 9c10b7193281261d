"""Answers by a grammar: JSON that satisfies a schema, token by token, for rows that ask for it."""
