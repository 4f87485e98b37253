"""The smallest probability that a prediction has. Imports no torch: lane slots needs it, which runs without."""

PROBABILITY_FLOOR = 1e-4
"""keeps logarithms of predicted probabilities finite; a fortieth of one of the 256 levels of a pixel"""
