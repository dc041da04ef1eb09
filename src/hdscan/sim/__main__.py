"""Run the simulator as a process of its own: `(echo '{"seed": 7}'; cat) | python -m hdscan.sim`; it ends with its input."""

from hdscan.sim.process import main

main()
