#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
What `headroom measure --explain` says of a real server under a steady load.  Usage: ask.py SERVER CPUS LOAD [SECONDS]
SERVER: postgres, tcp-postgres, http (it compresses), small.  LOAD: requests a second; of PostgreSQL also `closed-N`, N clients
without a pause.  Root; see servers.py.  One run, whatever else the machine does.
"""
import subprocess
import sys
import time

import rig
import servers


def ask_postgres(tcp, load, seconds):
    host = servers._server(tcp)[1]
    if not load.startswith("closed-"):
        return servers._pgbench(host, float(load), seconds)
    clients = load.split("-")[1]
    args, _ = servers._as_postgres("pgbench", "-h", host, "-p", str(servers.PORT), "-S", "-n", "-M", "prepared", "-c", clients,
                                   "-T", str(seconds), "postgres")
    return rig.start(args, stdout=-3, stderr=-3)


def ask_nginx(small, load, seconds):
    servers._nginx()
    if small:
        return rig.load("open", "--http-port", servers.HTTP_PORT, "--threads", 128, "--rate", load, "--for", seconds, "--seed", 1)
    return servers._requests(float(load), seconds, 11.5, 1)


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__.strip())
    server, cpus, load = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    seconds = int(sys.argv[4]) if len(sys.argv) == 5 else 16
    rig.cpus_online(cpus)
    if "postgres" in server:
        p = ask_postgres(server == "tcp-postgres", load, seconds + 8)
    else:
        p = ask_nginx(server == "small", load, seconds + 8)
    time.sleep(1.5)
    subprocess.run([rig.HEADROOM, "measure", "--for", f"{seconds}s", "--explain"], check=True)
    rig.stop(p)


if __name__ == "__main__":
    main()
