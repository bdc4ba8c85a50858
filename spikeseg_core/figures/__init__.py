"""Pictures for the report, Prefect and MLflow: each function writes one PNG and returns its path.

They draw on figures of their own, not on pyplot's global one, so they work in any thread and leave
nothing open. Equal input gives equal bytes. Colours are Okabe and Ito's, told apart by everyone.
"""

from spikeseg_core.figures.curves import training_curves
from spikeseg_core.figures.rates import rate_histogram
from spikeseg_core.figures.sections import sections_figure
from spikeseg_core.figures.stages import stages_figure

__all__ = ["rate_histogram", "sections_figure", "stages_figure", "training_curves"]
