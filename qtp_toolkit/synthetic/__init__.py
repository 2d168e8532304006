"""The embedded scenes: a made-up central Qinghai-Tibet Plateau with known truth and realistic observations."""

from qtp_toolkit.synthetic.beyond import BEYOND_SIZES, beyond_scene
from qtp_toolkit.synthetic.beyond_files import beyond_written, ensure_beyond, write_beyond
from qtp_toolkit.synthetic.frame import RULES, SIZES
from qtp_toolkit.synthetic.observe import observe
from qtp_toolkit.synthetic.region import write_region
from qtp_toolkit.synthetic.tracks import line_of_sight, track_stack
from qtp_toolkit.synthetic.truth import scene, truth_lst
from qtp_toolkit.synthetic.write import ensure_scene, scene_written, write_scene

__all__ = [
    "BEYOND_SIZES",
    "RULES",
    "SIZES",
    "beyond_scene",
    "beyond_written",
    "ensure_beyond",
    "ensure_scene",
    "line_of_sight",
    "observe",
    "scene",
    "scene_written",
    "track_stack",
    "truth_lst",
    "write_beyond",
    "write_region",
    "write_scene",
]
