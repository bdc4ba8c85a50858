"""SpikeSeg's core: sections to tiles, U-Net to spikes, spikes to Loihi, Loihi to energy.

Pure functions and small data classes over numpy, TensorFlow and Nengo. Nothing here knows about
Prefect or MLflow (``make lint`` enforces it).
"""

import os

__version__ = "0.1.0"

# Numba obeys a file .numba_config.yaml in the working directory, which may be another's: it could
# name a folder of pickles, and classes to import. Variables come first; empty is the default.
for _name in ("NUMBA_CACHE_DIR", "NUMBA_CACHE_LOCATOR_CLASSES"):
    os.environ.setdefault(_name, "")
