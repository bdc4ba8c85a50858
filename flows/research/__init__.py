"""The research report: the paper's five questions, answered from MLflow's records.

``stated`` is what a number is in a report, ``content`` what a report is made of, ``evidence`` what
MLflow has; a module for each question; ``render`` writes the page.
"""
