"""The network, drawn: zones side by side, and below them the table of who may talk to whom."""

from collections.abc import Iterator

from local.picture.geometry import GAP, ICON, LINE, MARGIN, PAD, TITLE, Rect
from local.picture.network import Item, Network, Subnet
from local.picture.svg import Theme, document, frame, symbol, text

WIDTH, CELL, ROW = 1060.0, 86.0, 26.0
HIGH = ICON + 2 * LINE + 6  # an icon with two lines
TABLE = "Who may talk to whom, by TCP port; all else is refused"


def network_drawing(network: Network, theme: Theme) -> str:
    """The network as SVG."""
    zones = sorted({subnet.zone for subnet in network.subnets})
    sorts = [[s for s in network.subnets if s.out == "internet gateway"]]
    sorts.append([s for s in network.subnets if s not in sorts[0]])
    left = MARGIN + PAD + CELL + GAP
    breadth = (WIDTH - MARGIN - PAD - left - GAP * (len(zones) - 1)) / len(zones)
    body: list[str] = []
    y = MARGIN + TITLE + GAP / 2
    for sort, word in zip(sorts, ("public", "private"), strict=True):
        height = max(_height(subnet, breadth) for subnet in sort)
        for subnet in sort:
            x = left + zones.index(subnet.zone) * (breadth + GAP)
            body += _subnet(subnet, word, Rect(x, y, breadth, height), theme)
        y += height + GAP
    doors = list(_doors(network.doors, MARGIN + PAD, MARGIN + TITLE + PAD))
    bottom = max(y, *(rect.bottom + PAD for _, rect in doors))
    for door, rect in doors:
        body += symbol(door.icon, "\n".join(_two_lines(door.label)), rect, theme)
    vpc = f"VPC {network.cidr}"
    around = Rect(MARGIN, MARGIN, WIDTH - 2 * MARGIN, bottom - MARGIN)
    table = Rect(MARGIN, bottom + GAP, WIDTH - 2 * MARGIN, _table_height(network))
    body = [*frame(vpc, around, theme.group, theme), *body, *_table(network, table, theme)]
    items = [*network.doors, *(item for subnet in network.subnets for item in subnet.items)]
    words = network.text() + "".join(item.label for item in items) + TABLE + vpc + "· out:"
    icons = {item.icon for item in items}
    return document(body, (WIDTH, table.bottom + MARGIN), words, icons, theme)


def _columns(breadth: float) -> int:
    return max(1, int((breadth - 2 * PAD) / CELL))


def _height(subnet: Subnet, breadth: float) -> float:
    lines = -(-len(subnet.items) // _columns(breadth))
    return TITLE + LINE + lines * (HIGH + GAP)


def _subnet(subnet: Subnet, word: str, rect: Rect, theme: Theme) -> Iterator[str]:
    yield from frame(f"{subnet.zone}, {word}", rect, theme.box, theme)
    words = f"{subnet.cidr} · out: {subnet.out}"
    yield text(words, rect.x + 9, rect.y + TITLE + LINE - 7, anchor="start", fill=theme.faint)
    columns = _columns(rect.w)
    for i, item in enumerate(subnet.items):
        x = rect.x + PAD + (rect.w - 2 * PAD) / columns * (i % columns)
        y = rect.y + TITLE + LINE + 4 + (i // columns) * (HIGH + GAP)
        place = Rect(x, y, (rect.w - 2 * PAD) / columns, HIGH)
        yield from symbol(item.icon, "\n".join(_two_lines(item.label)), place, theme)


def _doors(doors: tuple[Item, ...], x: float, y: float) -> Iterator[tuple[Item, Rect]]:
    for i, door in enumerate(doors):
        yield door, Rect(x, y + i * (HIGH + GAP), CELL, HIGH)


def _table_height(network: Network) -> float:
    return TITLE + ROW * (len({client for client, _, _ in network.traffic}) + 2) + PAD


def _table(network: Network, rect: Rect, theme: Theme) -> Iterator[str]:
    """A row for each client, a column for each server, the ports where they meet."""
    asking = {client for client, _, _ in network.traffic}
    asked = {server for _, server, _ in network.traffic}
    clients = [name for name in network.order if name in asking]
    servers = [name for name in network.order if name in asked]
    yield from frame(TABLE, rect, theme.group, theme)
    first = 140.0
    each = (rect.w - first - PAD) / len(servers)
    top = rect.y + TITLE + 2 * ROW
    for i, server in enumerate(servers):
        x = rect.x + first + each * (i + 0.5)
        lines = _two_lines(server)
        for k, words in enumerate(lines):
            y = top - 10 - LINE * (len(lines) - 1 - k)
            yield text(words, x, y, weight=500)
    ports = {(client, server): allowed for client, server, allowed in network.traffic}
    for row, client in enumerate(clients):
        y = top + ROW * row
        yield f'<path d="M{rect.x:.1f} {y:.1f}h{rect.w:.1f}" stroke="{theme.border}"/>'
        yield text(client, rect.x + 9, y + ROW - 8, weight=500, anchor="start")
        for i, server in enumerate(servers):
            x = rect.x + first + each * (i + 0.5)
            allowed = ports.get((client, server))
            colour = theme.arrows["request"] if allowed else theme.border
            yield text(allowed or "·", x, y + ROW - 8, fill=colour)


def _two_lines(words: str) -> list[str]:
    head, _, tail = words.rpartition(" ")
    return [head, tail] if head and len(words) > 10 else [words]
