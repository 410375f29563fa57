"""The real `xl` of both releases as a judge of guest configurations, without Xen and without root.

    xl = oracle.open_xl("trixie")     # raises NotHere with the reason when it cannot be had
    xl.judge(text).status             # what `xl create -n` says: 0 when it takes the configuration

Debian's packages are fetched once, unpacked under .cache/xl/RELEASE, and run there with their own C
library; nothing is installed.
"""

from tests.guests.oracle.packages import NotHere
from tests.guests.oracle.xl import Judgement, Xl, open_xl

__all__ = ["Judgement", "NotHere", "Xl", "open_xl"]
