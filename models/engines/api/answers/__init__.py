"""What a reply says: the answer in its text, and how the provider says that it served it."""
