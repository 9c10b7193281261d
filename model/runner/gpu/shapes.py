"""How each product of a decode step is divided, as measured on an H100 (docs/experiments.md)."""

from model.runner.gpu.product import Shape

# By number of columns of eight rows, the smallest that suffices: qkv, o, gate_up, down.
_MEASURED = {
    1: (Shape(1, 1, 8, 4), Shape(2, 1, 16, 2), Shape(1, 8, 2, 4), Shape(1, 1, 16, 4)),
    2: (Shape(2, 2, 8, 2), Shape(2, 1, 16, 2), Shape(4, 2, 4, 2), Shape(1, 2, 8, 4)),
    4: (Shape(2, 2, 8, 2), Shape(1, 1, 8, 8), Shape(2, 4, 4, 2), Shape(1, 1, 8, 8)),
    8: (Shape(2, 2, 4, 2), Shape(2, 1, 8, 2), Shape(2, 4, 2, 4), Shape(2, 1, 8, 2)),
}


def shapes(columns: int) -> tuple[Shape, Shape, Shape, Shape]:
    """The shapes of the products q k v, o, gate and up, down for `columns` times eight rows."""
    return _MEASURED[min(size for size in _MEASURED if size >= columns)]
