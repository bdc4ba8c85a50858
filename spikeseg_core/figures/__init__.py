"""Pictures for the report, Prefect and MLflow: each function writes one PNG and returns its path.

They draw on figures of their own, not on pyplot's global one, so they work in any thread and leave
nothing open. Equal input gives equal bytes. Colours are Okabe and Ito's, told apart by everyone.
"""
