"""What parts lie on, found in their xyz maps and taken away.

plane = background.fit_plane(points, distance=0.004, seed=0, label="part 3")   # RANSAC, then least squares
plane.normal, plane.offset, plane.share                                        # (3,), float; its points' share
plane.distances(xyz)                                                           # (H, W), of each point
xyz = background.without_plane(xyz, fit=0.004, remove=0.005, label="part 3")   # fitted to the map's border
"""

from musc2.background.plane import Plane, fit_plane
from musc2.background.removal import border, without_plane

__all__ = ["Plane", "border", "fit_plane", "without_plane"]
