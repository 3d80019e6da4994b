"""What strategies that learn share: features, models, and when a model is fitted.

Its modules import NumPy, so strategies import them inside their functions; this one does not.
"""

FEATURE_BARS = 60
"""Index of the first bar that has all features of `strategies.ml.features`."""
