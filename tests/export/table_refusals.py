"""What each framework refuses, by the row of `tests/operators/`: the name of the operator, or a word of the reason."""

from __future__ import annotations

_RANDOM = {
    **{f"layers: {name}": "draws random numbers" for name in (
        "bernoulli", "poisson", "multinomial", "randn", "randint", "randperm", "standard_gamma", "binomial",
        "exponential_", "rand", "rand_like", "randn_like", "normal", "uniform", "gaussian of units")},
    "activations: gumbel_softmax": "draws random numbers",
    "activations: alpha_dropout in training": "draws random numbers",
}
_NO_WORDS = {
    **{f"activations: {name}": name for name in (
        "digamma", "lgamma", "gammaln", "i0", "i0e", "i1", "i1e", "erfinv", "polygamma")},
    **{f"arithmetic: {name}": name for name in (
        "mode", "histogram", "bincount", "solve", "qr", "eigh", "lu", "triangular_solve", "cholesky_solve",
        "matrix_rank", "lstsq", "svd")},
    "activations: multigammaln": "lgamma",
    "arithmetic: nextafter": "nextafter",
    "arithmetic: nextafter, itself": "nextafter",
    "arithmetic: complex": "complex",
    "arithmetic: polar": "complex",
    "arithmetic: gammainc": "gammaincc",
    "arithmetic: nanmedian, tokens": "nanmedian",
    "arithmetic: nanmedian, units": "nanmedian",
    "arithmetic: norm, nuclear": "svd",
    "arithmetic: pinv": "svd",
    "arithmetic: fft": "fft_r2c",
    "arithmetic: fft, units": "fft_r2c",
    "arithmetic: irfft": "fft_c2r",
    "arithmetic: rfft": "fft_r2c",
    "arithmetic: rfft2": "fft_r2c",
    "arithmetic: as_complex": "as_complex",
    "positions: gather_tree": "gather_tree",
    "layers: FractionalMaxPool2D": "fractional_max_pool2d",
    "layers: FractionalMaxPool3D": "fractional_max_pool3d",
    "layers: cross_entropy": "cross_entropy_with_softmax",
    "layers: cross_entropy, soft": "cross_entropy_with_softmax",
    "layers: npair_loss": "cross_entropy_with_softmax",
    "layers: nll_loss": "nll_loss",
    "layers: ctc_loss": "warpctc",
    "layers: rnnt_loss": "warprnnt",
    "layers: hsigmoid_loss": "hsigmoid_loss",
    "layers: complex numbers": "complex",
}
_IN_PART = {
    "arithmetic: median, all": "median.*length is free",
    "positions: diag of a matrix": "diagonal.*length is free",
    "positions: diagonal_scatter": "not square",
    "layers: grid from units": "free size|computed shape",
    "layers: bce, weights": "normalized or weighted",
    "layers: LPPool2D, infinite": "infinite norm",
}
# In eager mode a slice is a view, and what these rows write in place changes what they read: the graph's own outputs
# follow, a file that has no views cannot.
ALIASED = {"arithmetic: householder_product"}
_TORCH_SAYS = {
    *(f"activations: {name}" for name in ("digamma", "lgamma", "gammaln", "i0", "i0e", "i1", "i1e", "erfinv",
                                          "polygamma", "multigammaln")),
    *(f"arithmetic: {name}" for name in ("solve", "triangular_solve", "cholesky_solve", "nextafter",
                                         "nextafter, itself", "complex", "polar", "gammainc", "fft", "fft, units",
                                         "irfft", "rfft", "rfft2", "as_complex")),
    "layers: complex numbers",
}
REFUSALS: dict[str, dict[str, str]] = {
    "onnx": {**_RANDOM, **_NO_WORDS, **_IN_PART},
    "torch": {**_RANDOM, **{name: said for name, said in _NO_WORDS.items() if name not in _TORCH_SAYS},
              "layers: LPPool2D, infinite": "infinite norm", "layers: roi_align": "roi_align"},
}
