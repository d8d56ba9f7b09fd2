import numpy as np


def soft(values, bins, low, high):
    positions = np.clip((values - low) / (high - low) * bins - 0.5, 0, bins - 1)
    counts = np.clip(1 - np.abs(positions[:, None] - np.arange(bins)), 0, 1).sum(0)
    return counts / max(len(values), 1)


def group_histograms(points, normals, variation, centers, scales):
    points, normals = points.astype(np.float64), normals.astype(np.float64)
    distance = np.linalg.norm(points - points[centers][:, None], axis=-1)
    order = np.argsort(distance, axis=1, kind="stable")
    histograms = []
    for c, k in np.ndindex(len(centers), len(scales)):
        near = order[:, : scales[k]]
        radius = np.median(distance[np.arange(len(centers)), near[:, -1]])
        p, n = points[near[c]], normals[near[c]].mean(0)
        n = n / np.linalg.norm(n)
        away = p - points[centers[c]]
        flat = away - np.outer(away @ n, n)
        far = np.linalg.norm(flat, axis=1) > 0.1 * radius
        tilt = (normals[near[c]] * flat)[far].sum(1) / np.linalg.norm(flat[far], axis=1)
        sine = np.linalg.norm(np.cross(normals[near[c]], n), axis=1)
        histograms.append(soft(sine, 8, 0, 0.8))
        histograms.append(soft(tilt, 10, -0.6, 0.6))
        histograms.append(soft((p - p.mean(0)) @ n / radius, 12, -0.35, 0.35))
        histograms.append(soft(np.log(variation[near[c]] + 1e-5), 8, -9, -2))
    return np.concatenate(histograms).reshape(len(centers), len(scales), 38)
