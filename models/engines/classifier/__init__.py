"""A classifier that was trained here: a sentence embedding and a logistic head."""
