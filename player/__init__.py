"""The front doors: the command line, the window, the browser's page and the controllers."""
