"""Make the role's programs importable: they live outside of plugins/, because they run on hosts and in the image."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "roles" / "vllm_simulator" / "files"))
sys.path.insert(0, str(ROOT / "tools"))
