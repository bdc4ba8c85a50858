"""Sweeps: the same pipeline compared with different settings.

A :class:`~spikeseg_core.sweep.definition.Sweep` defines what varies;
:func:`~spikeseg_core.sweep.points.expand` turns it into configurations; the table and the
Pareto front summarize the results. The layers above run them.
"""
