import numpy as np


def project_tokens(tokens, matrix, offset):
    return tokens.astype(np.float64) @ matrix.astype(np.float64) + offset
