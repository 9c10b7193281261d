"""Ratings of answers: their emoji, their rows and what they come to."""
