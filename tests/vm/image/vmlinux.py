"""vmlinux.py VMLINUZ OUT: the ELF kernel inside a bzImage, so that QEMU enters it directly (PVH).

Unpacking it in the guest would take seconds under emulation. Offsets: Documentation/arch/x86/boot.rst.
"""

import struct
import subprocess
import sys

UNPACK = {b"\x28\xb5\x2f\xfd": ["zstd", "-dcq"], b"\x02\x21\x4c\x18": ["lz4", "-dcq"]}

with open(sys.argv[1], "rb") as file:
    image = file.read()
setup_sectors = image[0x1F1] or 4
offset, length = struct.unpack_from("<II", image, 0x248)
start = (setup_sectors + 1) * 512 + offset
payload = image[start : start + length]
unpack = UNPACK.get(payload[:4])
if not unpack:
    sys.exit(f"{sys.argv[1]}: compressed in a way unknown here, it begins with {payload[:6]!r}")
# The kernel's build appends the unpacked size, four bytes, which the tools take for garbage.
kernel = subprocess.run(unpack, input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout
if kernel[:4] != b"\x7fELF":
    sys.exit(f"{sys.argv[1]}: what is inside is not an ELF file")
with open(sys.argv[2], "wb") as file:
    file.write(kernel)
