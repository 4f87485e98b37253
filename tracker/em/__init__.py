"""Expectation maximisation: likelihoods, responsibilities, the two-term loss; Gaussian mixtures."""
