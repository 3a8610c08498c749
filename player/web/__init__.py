"""The browser's front end: one port, one page, and the wire that a window can use as well."""
