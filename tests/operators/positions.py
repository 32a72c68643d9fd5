"""What regroups, reads, writes and moves positions."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from operators.rows import line, made, maps, tokens, vector, volume, weighted

ORDER = [3, 1, 0, 2, 7, 6, 5, 4]
SHAPES = {
    "reshape": tokens(lambda h: h.reshape([h.shape[0], 5, 2, 4])), "reshape, -1": tokens(lambda h: h.reshape([-1, 40])),
    "reshape, 0": tokens(lambda h: h.reshape([0, 0, 4, -1])), "reshape_": tokens(lambda h: (h + 0).reshape_([-1, 40])),
    "reshape across": tokens(lambda h: h.reshape([-1, 8, 5])),


    "flatten": maps(lambda h: h.flatten(1)), "flatten some": maps(lambda h: h.flatten(2)), "Flatten": maps(made(nn.Flatten)),
    "flatten_": maps(lambda h: (h + 0).flatten_(1)), "ravel": vector(lambda h: h.ravel().unsqueeze(-1)),
    "Unflatten": vector(made(nn.Unflatten, 1, [2, 4])), "unflatten": vector(lambda h: paddle.unflatten(h, 1, [2, -1])),
    "squeeze": tokens(lambda h: h[:, :1].squeeze(1)),
    "unsqueeze": vector(lambda h: h.unsqueeze([1, 2])), "unsqueeze_": vector(lambda h: (h + 0).unsqueeze_(1)),
    "transpose": tokens(lambda h: h.transpose([0, 2, 1])), "t": vector(lambda h: h.t().sum(1)), "mT": tokens(lambda h: h.mT),
    "T": tokens(lambda h: h.T.sum(-1)), "swapaxes": tokens(lambda h: paddle.swapaxes(h, 1, 2)), "swapdims": tokens(lambda h: paddle.swapdims(h, 1, 2)),
    "moveaxis": maps(lambda h: paddle.moveaxis(h, 1, 3)), "permute": tokens(lambda h: paddle.permute(h, [0, 2, 1])),
    "matrix_transpose": tokens(lambda h: paddle.matrix_transpose(h)), "transpose_": tokens(lambda h: (h + 0).transpose_([0, 2, 1])),
    "expand": vector(lambda h: h.unsqueeze(1).expand([-1, 3, 8])), "expand_as": vector(weighted(lambda h, w: w.expand_as(h) + h, [8])),
    "expand to units": vector(weighted(lambda h, w: w.expand([h.shape[0], 8]) + h, [1])),
    "broadcast_to": vector(lambda h: paddle.broadcast_to(h.unsqueeze(1), [h.shape[0], 3, 8])),
    "broadcast_tensors": vector(weighted(lambda h, w: paddle.broadcast_tensors([h, w])[1] + h, [1])),
    "broadcast_tensors, units": tokens(weighted(lambda h, w: paddle.broadcast_tensors([h, w])[0], [5, 8])),
    "tile": vector(lambda h: h.tile([1, 2])), "tile, new axis": vector(lambda h: h.unsqueeze(1).tile([1, 3, 1])),
    "repeat_interleave": vector(lambda h: h.repeat_interleave(2, 1)), "repeat_interleave, tokens": tokens(lambda h: h.repeat_interleave(2, 1)),
    "repeat_interleave, uneven": tokens(lambda h: h.repeat_interleave(paddle.to_tensor([1, 2, 0, 1, 3]), 1)),
    "repeat_interleave, uneven units": vector(lambda h: h.repeat_interleave(paddle.to_tensor([1, 2, 0, 1, 3, 1, 1, 1]), 1)),
    "atleast_1d": vector(paddle.atleast_1d), "atleast_2d": vector(paddle.atleast_2d), "atleast_3d": tokens(paddle.atleast_3d),
    "concat": vector(lambda h: paddle.concat([h, F.tanh(h)], 1)), "concat, tokens": tokens(lambda h: paddle.concat([h, F.tanh(h)], 1)),
    "concat a parameter": tokens(weighted(lambda h, w: paddle.concat([w.expand([h.shape[0], 1, 8]), h], 1), [1, 1, 8])),
    "concat unequal": vector(lambda h: paddle.concat([h, h[:, :3]], 1)),
    "stack": vector(lambda h: paddle.stack([h, F.tanh(h)], 1)), "stack last": vector(lambda h: paddle.stack([h, F.tanh(h)], -1)),
    "hstack": vector(lambda h: paddle.hstack([h, F.tanh(h)])), "vstack": tokens(lambda h: paddle.vstack([h, F.tanh(h)])),
    "dstack": vector(lambda h: paddle.dstack([h, F.tanh(h)])), "column_stack": vector(lambda h: paddle.column_stack([h, F.tanh(h)])),
    "row_stack": tokens(lambda h: paddle.row_stack([h, h])), "block_diag": vector(weighted(lambda h, w: paddle.block_diag([h, w]), [2, 3])),
    "split": vector(lambda h: paddle.split(h, 2, 1)[0] * paddle.split(h, 2, 1)[1]),
    "split, unequal": vector(lambda h: paddle.concat(paddle.split(h, [3, -1], 1)[::-1], 1)),
    "split, -1 first": vector(lambda h: paddle.concat(paddle.split(h, [-1, 3], 1)[::-1], 1)),
    "tensor_split": vector(lambda h: paddle.concat(paddle.tensor_split(h, 3, 1)[::-1], 1)),
    "tensor_split, bounds": vector(lambda h: paddle.concat(paddle.tensor_split(h, [2, 5], 1)[::-1], 1)),
    "hsplit": vector(lambda h: paddle.hsplit(h, 2)[1]), "vsplit": tokens(lambda h: paddle.concat(paddle.vsplit(h.tile([2, 1, 1]), 2), 0)),
    "dsplit": tokens(lambda h: paddle.dsplit(h, 2)[1]), "chunk": vector(lambda h: paddle.concat(h.chunk(4, 1)[::-1], 1)),
    "chunk, tokens": tokens(lambda h: h[:, :4].chunk(2, 1)[1]), "unbind": tokens(lambda h: paddle.unbind(h, 1)[2]),
    "unstack": tokens(lambda h: paddle.unstack(h, 1)[2]), "unbind units": vector(lambda h: paddle.unbind(h, 1)[2].unsqueeze(-1)),
    "meshgrid": vector(weighted(lambda h, w: h.unsqueeze(1) * paddle.meshgrid(w, w)[0].unsqueeze(-1).sum(0), [3])),
    "meshgrid of units": vector(lambda h: paddle.meshgrid(h[0], h[0])[0]),
    "crop": vector(lambda h: paddle.crop(h, [-1, 4], [0, 2])),
    "numel": vector(lambda h: h * h.numel().astype("float32") / h.numel().astype("float32")),
    "shape": vector(lambda h: h / paddle.shape(h)[0].astype("float32")), "size": tokens(lambda h: h * h.shape[1]),
    "ChannelShuffle": maps(made(nn.ChannelShuffle, 4)), "channel_shuffle": maps(lambda h: F.channel_shuffle(h, 2)),
    "channel shuffle by hand": maps(lambda h: h.reshape([h.shape[0], 2, 4, 6, 6]).transpose([0, 2, 1, 3, 4]).reshape([h.shape[0], 8, 6, 6])),
    "channel shuffle by stack": maps(lambda h: paddle.stack(h.chunk(2, 1), 2).flatten(1, 2)),
    "PixelShuffle": maps(made(nn.PixelShuffle, 2)), "pixel_shuffle": maps(lambda h: F.pixel_shuffle(h, 2)),
    "PixelUnshuffle": maps(made(nn.PixelUnshuffle, 2)), "pixel_unshuffle": maps(lambda h: F.pixel_unshuffle(h, 2)),
    "pixel shuffle by hand": maps(lambda h: h.reshape([h.shape[0], 2, 2, 2, 6, 6]).transpose([0, 1, 4, 2, 5, 3]).reshape([h.shape[0], 2, 12, 12])),
    "temporal_shift": maps(lambda h: F.temporal_shift(h.tile([2, 1, 1, 1]), 2, 0.25)),
    "Fold": tokens(lambda h: F.fold(h.transpose([0, 2, 1])[:, :, :4], [2, 2], 1)),
    "fold": maps(lambda h: F.fold(h.reshape([h.shape[0], 8, 36]), [12, 12], 2, 2)), "FoldLayer": maps(lambda h: nn.Fold([12, 12], 2, strides=2)(h.flatten(2))),
    "Unfold": maps(made(nn.Unfold, 2)), "unfold": maps(lambda h: F.unfold(h, 3, 2, 1)),
    "unfold and fold": maps(lambda h: F.fold(F.unfold(h, 2, 2), [6, 6], 2, 2)),

    "windows": maps(lambda h: h.reshape([-1, 8, 2, 3, 2, 3]).transpose([0, 2, 4, 3, 5, 1]).reshape([-1, 9, 8])),
}
READ = {
    "slice": vector(lambda h: h[:, 2:6]), "slice, negative": vector(lambda h: h[:, -3:-1]), "slice, step": vector(lambda h: h[:, ::2]),
    "slice, second of each": vector(lambda h: h[:, 1::2]), "slice, third": vector(lambda h: h[:, ::3]),
    "slice, step and bounds": vector(lambda h: h[:, 1:7:2]), "slice, backwards": vector(lambda h: h[:, ::-1]),
    "slice, backwards by two": vector(lambda h: h[:, ::-2]),
    "slice, tokens": tokens(lambda h: h[:, ::2]), "slice, tokens backwards": tokens(lambda h: h[:, ::-1]),
    "last token": tokens(lambda h: h[:, -1]), "one unit": vector(lambda h: h[:, 2:3] * h),
    "paddle.slice": vector(lambda h: paddle.slice(h, [1], [1], [5])), "strided_slice": vector(lambda h: paddle.strided_slice(h, [1], [0], [8], [2])),
    "none axes": vector(lambda h: h[:, None, 2:]), "ellipsis": maps(lambda h: h[..., 1:3]), "slice of empty": vector(lambda h: paddle.concat([h[:, :0], h], 1)),
    "index list": vector(lambda h: h[:, ORDER]), "index tensor": vector(lambda h: h[:, paddle.to_tensor(ORDER)]),
    "index some": vector(lambda h: h[:, [5, 1, 2]]), "index twice": vector(lambda h: h[:, [5, 1, 5]]),
    "index tokens": tokens(lambda h: h[:, [4, 1, 0]]), "index maps": maps(lambda h: h[:, ORDER]),
    "mask list": vector(lambda h: h[:, [True, False] * 4]), "index pairs": tokens(lambda h: h[:, [0, 1], [2, 3]]),
    "mask": vector(lambda h: h[h > 0].sum() * h), "masked_select": vector(lambda h: paddle.masked_select(h, h > 0).sum() * h),
    "index_select": vector(lambda h: paddle.index_select(h, paddle.to_tensor(ORDER), 1)),
    "index_select some": vector(lambda h: paddle.index_select(h, paddle.to_tensor([5, 1, 2]), 1)),
    "index_select from a range": vector(lambda h: paddle.index_select(h, paddle.arange(0, 8, 2), 1)),
    "index_select from a range, backwards": vector(lambda h: paddle.index_select(h, paddle.arange(7, -1, -1), 1)),
    "index_select by a buffer": vector(weighted(lambda h, w: paddle.index_select(h, w.abs().astype("int64") * 0, 1), [3])),
    "gather": vector(lambda h: paddle.gather(h, paddle.to_tensor(ORDER), 1)), "gather tokens": tokens(lambda h: paddle.gather(h, paddle.to_tensor([1, 2]), 1)),
    "gather rows": tokens(lambda h: paddle.gather(h[0], paddle.to_tensor([1, 2]))),
    "gather_nd": tokens(lambda h: paddle.gather_nd(h, paddle.to_tensor([[0, 1], [0, 2]]))),
    "gather_nd, units": tokens(lambda h: paddle.gather_nd(h, paddle.to_tensor([[0, 1, 2]])).unsqueeze(-1)),
    "take": vector(lambda h: paddle.take(h, paddle.to_tensor([[0, 3]]))), "index_sample": vector(lambda h: paddle.index_sample(h, paddle.zeros([h.shape[0], 2], "int64"))),
    "take_along_axis": vector(lambda h: paddle.take_along_axis(h, h.argsort(1), 1)),
    "take_along_axis, tokens": tokens(lambda h: paddle.take_along_axis(h, h.argsort(1), 1)),
    "take_along_axis, one row": tokens(lambda h: paddle.take_along_axis(h, paddle.zeros([h.shape[0], 1, 8], "int64"), 1)),
    "take_along_axis, broadcast": tokens(lambda h: paddle.take_along_axis(h, paddle.zeros([1, 2, 1], "int64"), 1)),
    "diagonal": tokens(lambda h: paddle.diagonal(h, 0, 1, 2)), "diag": vector(lambda h: paddle.diag(h[0])), "diag of a matrix": vector(lambda h: h * paddle.diag(h).sum()),
    "diag_embed": vector(lambda h: paddle.diag_embed(h)), "diagflat": vector(lambda h: paddle.diagflat(h[0])),
    "tril": tokens(paddle.tril), "triu": tokens(lambda h: paddle.triu(h, 1)), "tril, maps": maps(paddle.tril), "tril_": maps(lambda h: (h + 0).tril_()),
    "tril as a mask": tokens(lambda h: h * paddle.tril(paddle.ones([5, 5])).sum(-1, keepdim=True)),
    "eye": vector(lambda h: h @ paddle.eye(8)), "eye, rectangular": vector(lambda h: h @ paddle.eye(8, 5)),
    "roll": tokens(lambda h: paddle.roll(h, 1, 1)), "roll units": tokens(lambda h: paddle.roll(h, 1, -1)), "roll maps": maps(lambda h: paddle.roll(h, [1, -2], [2, 3])),
    "roll all": vector(lambda h: paddle.roll(h, 1)),
    "flip": tokens(lambda h: paddle.flip(h, [1])), "flip units": vector(lambda h: paddle.flip(h, [1])), "flip twice": vector(lambda h: paddle.flip(paddle.flip(h, [1]), [1])),
    "reverse": tokens(lambda h: paddle.reverse(h, [1])), "rot90": maps(lambda h: paddle.rot90(h, 1, [2, 3])), "rot90, units": tokens(lambda h: paddle.rot90(h, 1, [1, 2])),
    "sort": tokens(lambda h: paddle.sort(h, 1)), "argsort": tokens(lambda h: paddle.argsort(h, 1)), "msort": vector(lambda h: paddle.msort(h.t()).t()),

    "nonzero": vector(lambda h: paddle.nonzero(h).sum().astype("float32") * h), "argwhere": vector(lambda h: paddle.argwhere(h).sum().astype("float32") * h),
    "one_hot": vector(lambda h: F.one_hot(h.argmax(1), 8)), "one_hot of units": vector(lambda h: F.one_hot((h > 0).astype("int64"), 2)),
    "sequence_mask": vector(lambda h: F.sequence_mask((h > 0).astype("int64"), 3)), "gather_tree": tokens(lambda h: F.gather_tree((h > 0).astype("int64"), (h > 5).astype("int64"))),
    "shard_index": vector(lambda h: paddle.shard_index((h > 0).astype("int64").unsqueeze(-1), 20, 2, 0)),
    "combinations": vector(lambda h: paddle.combinations(h[0])), "cartesian_prod": vector(lambda h: paddle.cartesian_prod([h[0], h[0]])),
}
WRITE = {
    "set slice": vector(lambda h: put(h, (slice(None), slice(2, 5)), 0.0)), "set slice, one": vector(lambda h: put(h, (slice(None), slice(2, 5)), 1.0)),
    "set slice, tensor": vector(lambda h: put(h, (slice(None), slice(2, 5)), h[:, 2:5] * 2)), "set tokens": tokens(lambda h: put(h, (slice(None), 0), 0.0)),
    "set strided": vector(lambda h: put(h, (slice(None), slice(None, None, 2)), 0.0)),
    "set by mask": vector(lambda h: put(h, h > 0, 0.0)), "set by list": vector(lambda h: put(h, (slice(None), [0, 3]), 0.0)),
    "set tokens by list": tokens(lambda h: put(h, (slice(None), [0, 3]), 0.0)),
    "scatter": tokens(weighted(lambda h, w: paddle.scatter(h[0], paddle.to_tensor([1, 3]), w), [2, 8])),
    "scatter_": tokens(weighted(lambda h, w: paddle.scatter_(h[0] + 0, paddle.to_tensor([1, 3]), w), [2, 8])),
    "scatter, added": tokens(weighted(lambda h, w: paddle.scatter(h[0], paddle.to_tensor([1, 1]), w, overwrite=False), [2, 8])),
    "scatter_nd": tokens(lambda h: paddle.scatter_nd(paddle.to_tensor([[1], [3], [0], [2], [4]]), h[0], [6, 8])),
    "scatter_nd_add": tokens(lambda h: paddle.scatter_nd_add(h[0], paddle.to_tensor([[1], [3]]), h[0, :2])),
    "scatter_add": tokens(lambda h: paddle.scatter_add(h[0], 0, paddle.to_tensor([[1, 0]]), h[0])), "scatter_reduce": tokens(lambda h: paddle.scatter_reduce(h[0], 0, paddle.to_tensor([[1, 0]]), h[0], "amax")),
    "put_along_axis": vector(lambda h: paddle.put_along_axis(h, h.argmax(1, keepdim=True), 0.0, 1)),
    "put_along_axis, tokens": tokens(lambda h: paddle.put_along_axis(h, h.argmax(1, keepdim=True), 0.0, 1)),
    "put_along_axis, added": tokens(lambda h: paddle.put_along_axis(h, h.argmax(1, keepdim=True), h[:, :1], 1, reduce="add")),
    "index_add": tokens(lambda h: paddle.index_add(h, paddle.to_tensor([1, 3]), 1, h[:, :2])), "index_add, units": vector(lambda h: paddle.index_add(h, paddle.to_tensor([1, 3]), 1, h[:, :2])),
    "index_fill": tokens(lambda h: paddle.index_fill(h, paddle.to_tensor([1, 3]), 1, 0.0)), "index_fill, units": vector(lambda h: paddle.index_fill(h, paddle.to_tensor([1, 3]), 1, 0.0)),
    "index_put": tokens(lambda h: paddle.index_put(h, (paddle.to_tensor([0, 0]), paddle.to_tensor([2, 3])), h[0, :2])),
    "masked_scatter": vector(lambda h: paddle.masked_scatter(h, h > 0, h)), "select_scatter": tokens(lambda h: paddle.select_scatter(h, h[:, 0], 1, 2)),
    "slice_scatter": tokens(lambda h: paddle.slice_scatter(h, h[:, :2], [1], [1], [3], [1])), "slice_scatter, units": vector(lambda h: paddle.slice_scatter(h, h[:, :2], [1], [1], [3], [1])),
    "diagonal_scatter": tokens(lambda h: paddle.diagonal_scatter(h, h[:, :, 0], axis1=1, axis2=2)),
    "pad": vector(lambda h: F.pad(h, [0, 0, 2, 1])), "pad, one": vector(lambda h: F.pad(h, [0, 0, 2, 1], value=1.0)), "pad channels": maps(lambda h: F.pad(h, [0, 0, 1, 2, 0, 0, 0, 0])),
    "pad_maps": maps(lambda h: F.pad(h, [1, 2, 0, 1])), "pad_maps, one": maps(lambda h: F.pad(h, [1, 2, 0, 1], value=1.0)), "pad, reflect": maps(lambda h: F.pad(h, [1, 2, 0, 1], "reflect")),
    "pad, replicate": maps(lambda h: F.pad(h, [1, 2, 0, 1], "replicate")), "pad, circular": maps(lambda h: F.pad(h, [1, 2, 0, 1], "circular")),
    "zeropad2d": maps(lambda h: F.zeropad2d(h, [1, 0, 2, 1])), "pad, line": line(lambda h: F.pad(h, [1, 2], data_format="NCL")), "pad, volume": volume(lambda h: F.pad(h, [1, 0, 0, 1, 1, 1], data_format="NCDHW")),
    "pad tokens": tokens(lambda h: F.pad(h, [1, 2], data_format="NLC")),
    **{f"{kind}{n}D": {1: line, 2: maps, 3: volume}[n](made(getattr(nn, f"{kind}{n}D"), 1, *((0.0,) if kind == "ConstantPad" else ())))
       for kind in ("CircularPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "ZeroPad", "Pad") for n in (1, 2, 3)},
    "ConstantPad2D, one": maps(made(nn.ConstantPad2D, 1, 1.0)),
}


def put(h, where, what):
    """The same value with some positions written."""
    h = h + 0
    h[where] = what
    return h


TABLE = {**SHAPES, **READ, **WRITE}
