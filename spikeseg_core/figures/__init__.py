"""Pictures for the report, Prefect and MLflow: each function writes a PNG, and an SVG beside it.

They do not use pyplot, so they work in any thread and leave no figure open. The same input gives
the same bytes. Only axes that start at zero carry bars; legends stay outside the panels.
"""
