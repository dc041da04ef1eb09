"""Run the simulator as a process: `(echo '{"seed": 7}'; cat) | python -m hdscan.sim`; it ends when its input closes."""

from hdscan.sim.process import main

main()
