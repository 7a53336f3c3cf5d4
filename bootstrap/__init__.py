"""What must be there before the first deployment: the bucket for the state, and who may deploy."""
