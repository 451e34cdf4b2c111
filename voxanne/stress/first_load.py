"""What a browser loads of a page by itself: the page, its stylesheets, scripts and icon."""

import re
from collections.abc import Awaitable, Callable
from typing import Final

PAGE: Final = "the page"
_LINKED: Final = re.compile(rb'<(?:link [^>]*href|script [^>]*src)="([^"]+)"')
_IMPORTED: Final = re.compile(rb'^import [^"\n]*"\./([^"]+)"', re.MULTILINE)


async def first_load(page: bytes, fetch: Callable[[str], Awaitable[bytes]]) -> dict[str, int]:
    """Bytes of each by its address, uncompressed. `fetch` answers what is at an address.

    What a script imports later, with `import()`, isn't counted but where the page links it.
    """
    sizes = {PAGE: len(page)}
    wanted = [found.decode() for found in _LINKED.findall(page)]
    while wanted:
        address = wanted.pop()
        if address in sizes:
            continue
        content = await fetch(address)
        sizes[address] = len(content)
        if address.endswith(".js"):
            folder = address.rpartition("/")[0]
            wanted += [f"{folder}/{name.decode()}" for name in _IMPORTED.findall(content)]
    return sizes
