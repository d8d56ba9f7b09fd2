#!/usr/bin/env bash
# Runs the inner loops of csrc/cpu on a CPU that this machine need not have: emulated by Bochs, with AVX-512 and VNNI.
#   bash tests/instruction_sets/run.sh           # some minutes
#   bash tests/instruction_sets/run.sh --here    # on this machine's own CPU instead: a second
#   ISA=avx512vnni bash tests/instruction_sets/run.sh --here      # fails where the machine lacks that instruction set
# Builds into build/instruction_sets, or $FOLDER. Needs a C++ compiler, CMake and pybind11; to emulate, Debian 12 and
#   apt-get install bochs xorriso isolinux syslinux-common cpio
# Debian's kernel is downloaded once (26 MB); it is not installed. $LIMIT, 1800 by default, is in seconds.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(realpath -m "${FOLDER:-build/instruction_sets}")
mkdir -p "$folder"

echo "building in $folder"
cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release -DMUSC2_CUDA=OFF -DMUSC2_INSTRUCTION_SET_CHECKS=ON \
  -DPython_EXECUTABLE="$(command -v python3)" -Dpybind11_DIR="$(python3 -m pybind11 --cmakedir)" >/dev/null
cmake --build "$folder" --target instruction_sets >/dev/null
if [ "${1:-}" = --here ]; then
  exec "$folder/instruction_sets" "${ISA:-base}"
fi
needed=${ISA:-avx512vnni} limit=${LIMIT:-1800}

for tool in bochs-bin xorriso cpio; do
  command -v $tool >/dev/null || { echo "$tool is missing: apt-get install bochs xorriso isolinux syslinux-common cpio"; exit 1; }
done
machine=$folder/machine
mkdir -p "$machine/disc" "$machine/root" "$machine/kernel"
cd "$machine"
if [ ! -f disc/linux ]; then
  package=$(apt-cache depends --important linux-image-cloud-amd64 | sed -n 's/ *Depends: //p')
  (cd kernel && apt-get download -q "$package" && dpkg-deb -x "$package"_*.deb . && cp boot/vmlinuz-* ../disc/linux)
  rm -rf kernel
fi

# The program is the first process, and the only file but the console, which the kernel brings.
cp "$folder/instruction_sets" root/init
(cd root && echo init | cpio -o -H newc --quiet) >disc/initrd
# What Bochs 2.7 says of its CPU is wrong in places that the kernel relies on. PKU and OSPKE (515, 516) have no state to
# be saved, XSAVEC and XSAVES (321, 323) a wrong size: AVX would be switched off. FSRM (580) comes without ERMS: memmove
# would write beyond its end. The rest saves time.
slow=load_system_certificate_list,load_revocation_certificate_list
cat >disc/isolinux.cfg <<END
default linux
label linux
  kernel /linux
  append initrd=/initrd console=ttyS0 quiet panic=-1 reboot=t clearcpuid=515,516,321,323,580 mitigations=off lpj=1000000 tsc=reliable cryptomgr.notests initcall_blacklist=$slow -- $needed
END
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 disc/
rm -f disc.iso serial.txt
xorriso -as mkisofs -quiet -o disc.iso -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table \
  disc 2>xorriso.txt || { cat xorriso.txt; exit 1; }

# Debian's Bochs starts in its debugger, which `continue` leaves. Of its displays rfb needs no terminal and no desktop.
echo continue >commands
cat >settings <<END
display_library: rfb, options="timeout=0"
cpu: model=corei7_icelake_u, count=1, ips=50000000, reset_on_triple_fault=0
clock: sync=none
megs: 256
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=disc.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=serial.txt
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
speaker: enabled=0
log: bochs.txt
panic: action=fatal
error: action=report
END
echo "emulating, for at most $limit s"
touch serial.txt
timeout "$limit" bochs-bin -q -f settings -rc commands </dev/null >output.txt 2>&1 || true
tr -d '\r' <serial.txt | grep -v '^\[' || true
if grep -q '^end: .*, 0 failed' serial.txt; then
  echo "passed in $SECONDS s"
  exit
fi
echo "FAILED after $SECONDS s; see serial.txt, bochs.txt and output.txt in $machine"
grep '^\[' serial.txt | tail -n 5 || true
exit 1
