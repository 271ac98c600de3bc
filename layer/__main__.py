import sys
from pathlib import Path
from layer.apt import Archive
from layer import fetch, lock
from layer.architecture import *
from layer.errors import LayerError
C=Path('.cache/layer').resolve()
a=Archive(C/'apt',None,None)
try:
    if sys.argv[1]=='lock': fetch.renew(C/'inputs',a)
    else: fetch.fetch(fetch.needed(lock.read(), of_this_machine(), list(ARCHITECTURES.values())), C/'inputs', a)
except LayerError as e: print(e)
