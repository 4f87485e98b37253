"""Expectation maximisation: likelihoods, responsibilities, the two-term loss; classical EM of Gaussian mixtures."""
