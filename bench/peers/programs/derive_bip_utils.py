"""The first addresses of a zpub's receiving branch with bip-utils: key, count -> a line each."""

import sys

from bip_utils import Bip44Changes, Bip84, Bip84Coins

branch = Bip84.FromExtendedKey(sys.argv[1], Bip84Coins.BITCOIN).Change(Bip44Changes.CHAIN_EXT)
sys.stdout.writelines(f"{branch.AddressIndex(index).PublicKey().ToAddress()}\n" for index in range(int(sys.argv[2])))
