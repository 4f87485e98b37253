"""Muon: an optimiser for matrices, with which these networks need a fraction of Adam's updates. Beyond the papers, which use Adam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from tracker.learning.precision import multiplies_bfloat16

MOMENTUM = 0.95
ITERATIONS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)
"""coefficients a, b, c of the Newton-Schulz iteration, chosen by Jordan et al. for speed: singular values end between 0.7 and 1.2"""
LONG = 2
"""times as many columns as rows, from which the product of the factors costs less: 20 R^3 + 2 R^2 C, instead of 5 R^3 + 10 R^2 C"""
ADAM_RMS = 0.2
"""root mean square of Adam's updates at rate 1; with the same size here, one learning rate suits both"""


class Muon(torch.optim.Adam):
    """Momentum made orthogonal, for matrices; Adam for everything else.

        m' = 0.95 m + 0.05 g,   u = orthogonal(0.95 m' + 0.05 g),   p' = p - rate 0.2 sqrt(max(rows, columns)) u

    Every direction of a matrix is learned at the same pace, the weak ones too, which Adam leaves for last. A convolution's kernels
    (O, I, h, w) are a matrix (O, I h w). Jordan et al., Muon, 2024; the size of the step: Liu et al., arXiv:2502.16982.
    PyTorch's own takes no kernels of convolutions.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], **adam: Any) -> None:
        super().__init__(parameters, **adam)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient; those of matrices are used up."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None and parameter.ndim > 1:
                    state = self.state[parameter]
                    if not state:
                        state["momentum"] = torch.zeros_like(parameter)
                        state["step"] = torch.zeros(
                            ()
                        )  # of no use here, but Adam asks every state that it loads for it
                    momentum = state["momentum"]
                    momentum.lerp_(parameter.grad, 1 - MOMENTUM)
                    ahead = torch.lerp(parameter.grad, momentum, MOMENTUM).flatten(1)
                    size = ADAM_RMS * max(ahead.shape) ** 0.5
                    parameter.sub_((orthogonal(ahead) * (size * group["lr"])).view_as(parameter))
                    parameter.grad = None
        super().step()


def orthogonal(matrix: Tensor) -> Tensor:
    """U V^T, roughly, of a matrix (R, C) = U S V^T: Newton-Schulz iterations X <- a X + (b A + c A A) X, A = X X^T.

    In bfloat16, where the chip has it; otherwise a long matrix is multiplied twice only, see `_factors`.
    """
    a, b, c = QUINTIC
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.t()
    x = x.bfloat16() if multiplies_bfloat16(matrix.device.type) else x
    x = x / (x.norm() + 1e-7)
    if x.dtype != torch.bfloat16 and x.shape[1] >= LONG * x.shape[0]:
        x = _factors(x @ x.t()) @ x
    else:
        for _ in range(ITERATIONS):
            square = x @ x.t()
            x = a * x + (b * square + c * square @ square) @ x
    return (x if wide else x.t()).to(matrix.dtype)


def _factors(square: Tensor) -> Tensor:
    """The product F_n .. F_2 F_1 of all iterations X <- F X, F = a I + b A + c A A, from the A (R, R) of the first.

    The next A is F A F, for both are symmetric. A has the squares of the singular values: bfloat16 has too few digits for them.
    """
    a, b, c = QUINTIC
    product = torch.eye(len(square), dtype=square.dtype, device=square.device)
    for _ in range(ITERATIONS):
        factor = torch.addmm(square, square, square, beta=b, alpha=c)
        factor.diagonal().add_(a)
        product = factor @ product
        square = factor @ square @ factor
    return product
