"""From two single-look complex images to an unwrapped interferogram (paper section 3.7).

The paper's interferograms come from ISCE; these are the same steps, to teach them and for small scenes. The chain
itself starts from unwrapped interferograms.
"""

from qtp_toolkit.interferogram._form import coherence, form, goldstein, multilook, simulate
from qtp_toolkit.interferogram._unwrap import METHODS, unwrap

__all__ = ["METHODS", "coherence", "form", "goldstein", "multilook", "simulate", "unwrap"]
