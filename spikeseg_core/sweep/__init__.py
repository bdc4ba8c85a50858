"""Sweeps: the same pipeline with different settings, compared.

A :class:`~spikeseg_core.sweep.definition.Sweep` says what is varied;
:func:`~spikeseg_core.sweep.points.expand` makes it a list of configurations; the table and the
Pareto front say what came of them. Running them is the business of the layers above.
"""
