"""pyinfra's inventory: the one host, with the values that benchmarks/peers.py wrote."""

import json
import os
from pathlib import Path

_given = json.loads(Path(os.environ["PEERS_VALUES"]).read_text())

hosts = [
    (
        _given["to"],
        {
            "ssh_config_file": _given["ssh_config"],
            "ssh_strict_host_key_checking": "off",  # paramiko does not know HostKeyAlias
            "wanted": _given,
            "here": str(Path(__file__).parent),
        },
    )
]
