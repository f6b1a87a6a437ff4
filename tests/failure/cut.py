#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# usage: cut.py MOUNTPOINT ACKED COPY
# A power cut of one filesystem: copies the clients' table of acknowledgements first, then shuts the
# filesystem down without flushing its log (FS_IOC_SHUTDOWN, flag 2; 0 and 1 flush and are no power cut).
# An acknowledgement read after the cut could be one of a later commit, so the order matters.
import fcntl
import os
import shutil
import struct
import sys

FS_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NOLOGFLUSH = 2

fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
shutil.copyfile(sys.argv[2], sys.argv[3])
fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
