"""The first addresses of an xpub's receiving branch with bdkpython: key, count -> a line each."""

import sys

from bdkpython import Descriptor, Network, NetworkKind

descriptor = Descriptor(f"wpkh({sys.argv[1]}/0/*)", NetworkKind.MAIN)
sys.stdout.writelines(f"{descriptor.derive_address(index, Network.BITCOIN)}\n" for index in range(int(sys.argv[2])))
