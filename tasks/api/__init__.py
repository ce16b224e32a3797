"""Records on their way to an API: the attempt journal, the synchronous lane, batches."""
