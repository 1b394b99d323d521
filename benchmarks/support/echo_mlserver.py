"""MLServer's model that gives back what it gets, as its guides write one. Run by an environment with mlserver."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import decode_args


class Echo(MLModel):
    async def load(self) -> bool:
        return True

    @decode_args
    async def predict(self, x: np.ndarray) -> np.ndarray:
        return x
