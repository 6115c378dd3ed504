"""`onedepth serve`: an HTTP API for depth, and a page to try it. Needs the extra `serve`."""
