"""Bundles that a stranger has made to hang, crash, read elsewhere or take memory."""
