"""Look the locked versions up among the known vulnerabilities, with pip-audit.

Status 1 if one is known. Where their source cannot be reached the audit says so and ends with 0:
nothing was looked up, and nothing is claimed.
"""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements-dev.lock"
COMMAND = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--no-deps"]
COMMAND += ["--disable-pip", "--format", "json", "--progress-spinner", "off"]

done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
try:
    packages = json.loads(done.stdout)["dependencies"]
except (json.JSONDecodeError, KeyError):
    last = (done.stderr.strip().splitlines() or ["no output"])[-1]
    if "No module named" in last:
        sys.exit(f"audit: {last}")
    print(f"audit: NOT RUN: {last}")
    sys.exit(0)
looked_up = [package for package in packages if "skip_reason" not in package]
if not looked_up:
    print(f"audit: NOT RUN, none of {len(packages)} packages could be looked up from here")
    sys.exit(0)
print(f"audit: {len(looked_up)} of {len(packages)} locked packages were looked up")
known = [(package, flaw) for package in looked_up for flaw in package["vulns"]]
for package, flaw in known:
    fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
    print(f"{package['name']} {package['version']}: {flaw['id']}, mended in {fixed}")
sys.exit(1 if known else 0)
