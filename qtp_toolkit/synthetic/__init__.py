"""The embedded scene: a made-up central Qinghai-Tibet Plateau with known truth and realistic observations."""

from qtp_toolkit.synthetic.frame import RULES, SIZES
from qtp_toolkit.synthetic.observe import observe
from qtp_toolkit.synthetic.region import write_region
from qtp_toolkit.synthetic.truth import scene, truth_lst
from qtp_toolkit.synthetic.write import ensure_scene, write_scene

__all__ = ["RULES", "SIZES", "ensure_scene", "observe", "scene", "truth_lst", "write_region", "write_scene"]
