"""Print the shell block that follows ``<!-- ci:NAME -->`` in a README."""

import re
import sys

name, path = sys.argv[1:]
with open(path, encoding="utf-8") as stream:
    text = stream.read()
match = re.search(rf"<!-- ci:{name} -->\s*```sh\n(.*?)```", text, re.DOTALL)
if match is None:
    sys.exit(f"{path} has no block {name}")
print(match.group(1))
