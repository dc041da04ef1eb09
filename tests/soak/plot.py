"""Draws what a soak measured: a small SVG, made of lines and text alone."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

import msgspec

WIDTH, HEIGHT, LEFT, GAP = 640, 96, 64, 34  # of one chart, in pixels
POINTS = 300  # at most, of a line
STYLE = (
    "text{font:12px sans-serif;fill:#57606a}.l{fill:none;stroke:#0969da;stroke-width:1.5}.a{stroke:#d0d7de}"
    "@media(prefers-color-scheme:dark){text{fill:#8b949e}.l{stroke:#58a6ff}.a{stroke:#30363d}}"
)


class Sample(msgspec.Struct, frozen=True):
    """What a process was at a moment: seconds since the beginning, MiB of memory, descriptors, threads, readings ended."""

    seconds: float
    memory: float
    descriptors: int
    threads: int
    readings: int


CHARTS = (("memory", "memory, MiB"), ("descriptors", "open files"), ("threads", "threads"), ("readings", "readings ended"))


def svg(samples: Sequence[Sample], title: str) -> str:
    """All charts, one below the other, over the same seconds."""
    title = escape(title)
    last = max(samples[-1].seconds, 1.0)
    kept = samples[:: max(1, -(-len(samples) // POINTS))]
    height = GAP + len(CHARTS) * (HEIGHT + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f'<title>{title}</title><style>{STYLE}</style><text x="4" y="16">{title}</text>',
    ]
    for number, (name, label) in enumerate(CHARTS):
        top = GAP + number * (HEIGHT + GAP)
        values = [float(getattr(sample, name)) for sample in kept]
        most = max(*values, 1.0)
        line = " ".join(
            f"{LEFT + (WIDTH - LEFT - 8) * sample.seconds / last:.0f},{top + HEIGHT * (1 - value / most):.1f}"
            for sample, value in zip(kept, values, strict=True)
        )
        parts += [
            f'<path class="a" d="M{LEFT} {top}V{top + HEIGHT}H{WIDTH - 8}"/><polyline class="l" points="{line}"/>',
            f'<text x="4" y="{top + 10}">{most:,.0f}</text><text x="4" y="{top + HEIGHT}">0</text>',
            f'<text x="{LEFT + 6}" y="{top + HEIGHT - 6}">{label}</text>',
        ]
    parts.append(f'<text x="{WIDTH - 8}" y="{height - 16}" text-anchor="end">{last:,.0f} s</text></svg>')
    return "\n".join(parts) + "\n"


def slope(samples: Sequence[Sample], name: str) -> float:
    """By how much a value grew per hour, as a straight line fitted to the samples (least squares)."""
    xs, ys = [sample.seconds / 3600 for sample in samples], [float(getattr(sample, name)) for sample in samples]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((each - x) ** 2 for each in xs)
    return sum((each - x) * (other - y) for each, other in zip(xs, ys, strict=True)) / spread if spread else 0.0
