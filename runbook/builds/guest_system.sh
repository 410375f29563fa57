# Turns the clean root into a system that begins its life in a guest, and packs it.
# Runs in the root, in /build, without a network; what a copy must not share with another goes.

out=/build/out

# The loader of each firmware looks for the second partition of the disk that it came from.
modules="part_msdos ext2 normal configfile linux echo test search search_fs_uuid"
grub-mkimage -O i386-pc -p '(,msdos2)/boot/grub' -o $out/core.img biosdisk $modules
cp /usr/lib/grub/i386-pc/boot.img $out/boot.img
grub-mkimage -O x86_64-efi -p '(,msdos2)/boot/grub' -o bootx64.efi fat efi_gop all_video $modules
mkfs.vfat -C -n ESP -i 00000001 $out/esp.img $((16 * 1024)) >/dev/null
mmd -i $out/esp.img ::/EFI ::/EFI/BOOT
mcopy -i $out/esp.img bootx64.efi ::/EFI/BOOT/BOOTX64.EFI
if [ "$(stat -c %s $out/core.img)" -gt $((1024 * 1024 - 512)) ]; then
    echo "E: GRUB's core image has no room before the first partition" >&2
    exit 1
fi

dpkg-query -W -f '${Package} ${Version}\n' >$out/packages.txt

systemctl enable systemd-networkd.service systemd-resolved.service ssh.service
if [ ! -e /vmlinuz ] || [ ! -e /initrd.img ]; then
    echo "E: the kernel left no /vmlinuz and /initrd.img, which the loader starts" >&2
    exit 1
fi

# Of each machine its own: the host keys and the identity. An empty machine-id(5) is drawn at the first start.
rm -f /etc/ssh/ssh_host_* /etc/hostname /var/lib/dbus/machine-id /var/lib/systemd/random-seed
: >/etc/machine-id
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
find /var/log -type f -exec sh -c ': >"$1"' sh {} \;

# What is mounted here (proc, dev, this recipe) is empty in the system; /build is this work.
tar --create --one-file-system --numeric-owner --sort=name --xattrs --xattrs-include=security.capability \
    --exclude=./build --directory=/ . | gzip -5 >$out/system.tar.gz
