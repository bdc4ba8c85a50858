"""The flows (the pipeline, one per stage, and others) and the command line."""
