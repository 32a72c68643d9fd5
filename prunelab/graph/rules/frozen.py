"""Operators that see all of what they are given: their groups are frozen, each with its reason."""

from __future__ import annotations

from prunelab.graph.solver import Rule, Step

RANDOM = "random numbers, which another width would draw anew"
MATRIX = "a decomposition of all of a matrix"
COUNTS = "a count of values over all positions"
CHOSEN = "positions that are chosen by their values"
LOSS = "a loss that knows the number of classes"
FREEZES: dict[str, str] = {
    **dict.fromkeys(("bernoulli", "poisson", "multinomial", "binomial", "standard_gamma", "exponential_",
                     "gumbel_softmax", "gaussian_inplace", "gaussian_inplace_", "uniform_inplace", "uniform_inplace_",
                     "dirichlet", "truncated_gaussian_random", "uniform_random_batch_size_like"), RANDOM),
    **dict.fromkeys(("det", "slogdet", "slogdet_v2", "inverse", "cholesky", "cholesky_solve", "matrix_power",
                     "matrix_rank", "matrix_rank_tol", "matrix_rank_atol_rtol", "qr", "svd", "svdvals", "eig", "eigh",
                     "eigvals", "eigvalsh", "lu", "lu_unpack", "lu_solve", "lstsq", "solve", "triangular_solve",
                     "householder_product", "cholesky_inverse", "ormqr", "spectral_norm"), MATRIX),
    **dict.fromkeys(("histogram", "histogramdd", "bincount"), COUNTS),
    **dict.fromkeys(("masked_select", "nonzero", "unique", "unique_consecutive", "class_center_sample"), CHOSEN),
    **dict.fromkeys(("cross_entropy_with_softmax", "hsigmoid_loss", "margin_cross_entropy", "warpctc", "warprnnt",
                     "nll_loss", "c_softmax_with_cross_entropy"), LOSS),
    **dict.fromkeys(("equal_all", "allclose", "is_empty"), "a comparison of all positions"),
    "multi_dot": "a chain of products whose order follows their sizes",
    "gather_tree": "paths through beams",
    "edit_distance": "a distance between whole sequences",
    "viterbi_decode": "a path through all classes",
    "as_strided": "positions that are read by their place in memory",
    "view_dtype": "bits that are read as another type",
}


def _freezing(reason: str) -> Rule:
    def widths(step: Step) -> None:
        step.freeze(reason)
    return Rule(widths)


RULES = {name: _freezing(reason) for name, reason in FREEZES.items()}
