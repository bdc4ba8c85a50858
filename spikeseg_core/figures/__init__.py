"""Pictures for the report, Prefect and MLflow: each function writes one PNG and returns its path.

They do not use pyplot, so they work in any thread and leave no figure open. The same input gives
the same bytes. The colours are Okabe and Ito's, chosen for colour-blind readers.
"""
