"""What follows what: the pipeline, a flow for every stage, and the command line."""
