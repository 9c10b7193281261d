"""What is raised where Discord cannot be reached, in one place."""

import aiohttp

# A cut connection is aiohttp's ServerDisconnectedError, which is no OSError.
UNREACHABLE = (aiohttp.ClientError, OSError)
