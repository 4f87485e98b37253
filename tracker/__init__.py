"""Label-free tracking of every pixel in a static camera's video: RNN-EM beside a Gaussian-mixture baseline."""

__version__ = "0.1.0"
