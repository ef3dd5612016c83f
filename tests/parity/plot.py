"""Loss curves as one SVG: a panel a model; ours solid, fp32 dashed, smoothed over 20 steps."""

WIDTH, HEIGHT, LEFT, TOP = 420, 240, 52, 34


def smooth(curve, window=20):
    out, total = [], 0.0
    for i, value in enumerate(curve):
        total += value - (curve[i - window] if i >= window else 0)
        out.append(total / min(i + 1, window))
    return out


def polyline(curve, low, high, style):
    points = " ".join(
        f"{LEFT + i * WIDTH / max(len(curve) - 1, 1):.1f},"
        f"{TOP + (high - value) * HEIGHT / (high - low):.1f}" for i, value in enumerate(curve))
    return f'<polyline points="{points}" fill="none" {style}/>'


def panel(title, runs, x):
    first = runs[0]
    ours, fp32 = smooth(first["curve"]), smooth(first["fp32_curve"])
    low, high = min(ours + fp32), max(ours + fp32)
    parts = [f'<g transform="translate({x},0)"><text x="{LEFT}" y="22">{title}, seed 1</text>',
             f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>']
    for i in range(5):
        value = high - (high - low) * i / 4
        y = TOP + HEIGHT * i / 4
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{value:.1f}</text>')
    parts.append(polyline(fp32, low, high, 'stroke="#d55e00" stroke-width="3" stroke-dasharray="7 5"'))
    parts.append(polyline(ours, low, high, 'stroke="#0072b2" stroke-width="1.5"'))
    parts.append(f'<text x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 18}" text-anchor="middle">'
                 f'{len(ours)} steps</text></g>')
    return "".join(parts)


def write_svg(path, results):
    panels = "".join(panel(name, runs, i * (WIDTH + LEFT + 30))
                     for i, (name, runs) in enumerate(results.items()))
    width = len(results) * (WIDTH + LEFT + 30)
    legend = (f'<text x="{LEFT}" y="{TOP + HEIGHT + 42}" fill="#0072b2">exact (two digits)</text>'
              f'<text x="{LEFT + 150}" y="{TOP + HEIGHT + 42}" fill="#d55e00">PyTorch fp32, dashed</text>')
    with open(path, "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{TOP + HEIGHT + 56}" '
                   f'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" '
                   f'fill="white"/>{panels}{legend}</svg>\n')
