#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the type information (BTF) out of a bootable Debian kernel: btf.py VMLINUZ OUT

bzImage: the payload's place stands in the boot header (Documentation/arch/x86/boot.rst); EFI zboot
images (arm64, newer) begin with their own.  BTF is found by its header, which flat images have too.
"""
import struct
import subprocess
import sys

TOOLS = {b"\xfd7zXZ": ["xz", "-dc"], b"\x28\xb5\x2f\xfd": ["zstd", "-dcq"], b"\x1f\x8b": ["gzip", "-dc"],
         b"\x02\x21\x4c\x18": ["lz4", "-dcq"]}


def unpack(data):
    for magic, tool in TOOLS.items():
        if data.startswith(magic):
            # the size that the kernel build appends makes the tools complain after the last byte
            return subprocess.run(tool, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    return data


def image(raw):
    if raw[0x202:0x206] == b"HdrS":
        setup = (raw[0x1F1] or 4) + 1
        offset, length = struct.unpack_from("<II", raw, 0x248)
        return unpack(raw[setup * 512 + offset:setup * 512 + offset + length])
    if raw[:2] == b"MZ" and raw[4:8] == b"zimg":
        offset, length = struct.unpack_from("<II", raw, 8)
        return unpack(raw[offset:offset + length])
    return unpack(raw)


def largest_btf(kernel):
    magic, at, best = b"\x9f\xeb\x01\x00\x18\x00\x00\x00", 0, b""
    while (at := kernel.find(magic, at)) >= 0:
        type_off, type_len, str_off, str_len = struct.unpack_from("<IIII", kernel, at + 8)
        end = 24 + str_off + str_len
        if type_off == 0 and str_off == type_len and len(best) < end <= len(kernel) - at:
            best = kernel[at:at + end]
        at += 8
    return best


def main():
    with open(sys.argv[1], "rb") as f:
        btf = largest_btf(image(f.read()))
    if not btf:
        sys.exit(f"{sys.argv[1]}: no BTF found")
    with open(sys.argv[2], "wb") as f:
        f.write(btf)


main()
