"""SpikeSeg's core: sections to tiles, U-Net to spikes, spikes to Loihi, Loihi to energy.

Pure functions and small data classes over numpy, TensorFlow and Nengo. Nothing here knows about
Prefect or MLflow (``make lint`` enforces it).
"""

__version__ = "0.1.0"
