#!/bin/sh
# Puts a system on the volume of one guest, and writes into it what is that guest's own.
#
#   install-system GUEST VOLUME IDENTITY DISK UUID IMAGE
#
# VOLUME must be the volume whose LVM uuid is IDENTITY, be closed, and hold nothing, or what a cut-off run of this
# program left there: of that the note `writing` tells, which stands as long as a volume is half written.
# IMAGE is the folder of the build. Of a Debian (system.tar.gz, boot.img, core.img, esp.img) the volume gets a partition
# table with the identifier DISK: an EFI partition, and Debian on a file system with the UUID given; the files of the
# guest's own lie below files/ in its folder, as they are to lie in the guest. Of a cloud image (disk.raw.gz,
# disk.bytes) it becomes a copy, and those files become the guest's seed.iso.
#
# Exit status: 0 done, 1 it failed, 2 wrong usage, 3 refused.
set -eu
umask 022
export LC_ALL=C PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin"

say() { echo "$*"; }
fail() { echo "install-system: $*" >&2; exit 1; }
refuse() { echo "install-system: refused: $*" >&2; exit 3; }

[ $# -eq 6 ] || { echo "install-system: GUEST VOLUME IDENTITY DISK UUID IMAGE" >&2; exit 2; }
# What is mounted here is mounted for this program alone, and goes with it.
[ -n "${INSTALL_SYSTEM:-}" ] || INSTALL_SYSTEM=1 exec unshare --mount --propagation private -- "$0" "$@"

guest=$1 volume=$2 identity=$3 disk=$4 uuid=$5 image=$6
folder=${SYSTEMS:-/var/lib/xen-runbook/systems}/$guest # the tests have another place
esp=2048 root=34816                                    # in sectors of 512 bytes: 1 MiB and 17 MiB
loop='' tree=''

cleanup() {
    status=$?
    trap - EXIT
    trap '' HUP INT TERM PIPE
    [ -z "$tree" ] || { umount "$tree" 2>/dev/null || true; rmdir "$tree" 2>/dev/null || true; }
    [ -z "$loop" ] || losetup -d "$loop" 2>/dev/null || true
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM PIPE

note() { # NAME TEXT: one line, whole or not there
    printf '%s\n' "$2" >"$folder/.$1"
    sync "$folder/.$1"
    mv "$folder/.$1" "$folder/$1"
}

draw_key() { # NAME FILE: the host key, whose public half is noted at the end
    ssh-keygen -q -t ed25519 -N '' -C "root@$1" -f "$2"
    key=$(cut -d ' ' -f 1,2 <"$2.pub")
}

debian() {
    dd if=/dev/zero of="$volume" bs=1M count=1 conv=notrunc status=none
    loop=$(losetup --find --show --offset $((root * 512)) "$volume")
    say "making a file system of $(($(blockdev --getsize64 "$loop") / 1048576)) MiB on $volume"
    mkfs.ext4 -q -F -U "$uuid" "$loop"
    tree=$(mktemp -d)
    mount -t ext4 -o nodev,nosuid,noexec "$loop" "$tree"
    say "unpacking Debian"
    tar --extract --gzip --numeric-owner --xattrs --xattrs-include=security.capability --directory="$tree" \
        --file="$image/system.tar.gz" || fail "Debian was not unpacked whole (is $volume large enough?)"
    [ -L "$tree/vmlinuz" ] && [ -L "$tree/initrd.img" ] && [ -d "$tree/etc/ssh" ] || fail "the image holds no Debian"
    say "writing what is the guest's own: name, keys, network"
    cp -R --no-preserve=ownership "$folder/files/." "$tree/"
    chmod 700 "$tree/root/.ssh"
    chmod 600 "$tree/root/.ssh/authorized_keys"
    draw_key "$(cat "$tree/etc/hostname")" "$tree/etc/ssh/ssh_host_ed25519_key"
    say "sending it to the disk"
    umount "$tree"
    rmdir "$tree"
    tree=''
    losetup -d "$loop"
    loop=''
    dd if="$image/esp.img" of="$volume" bs=512 seek=$esp conv=notrunc status=none
    dd if="$image/core.img" of="$volume" bs=512 seek=1 conv=notrunc status=none
    # Nothing of the host reads the table again: its partitions are the guest's.
    printf 'label: dos\nlabel-id: 0x%s\nstart=%s, size=%s, type=ef\nstart=%s, type=83, bootable\n' \
        "$disk" $esp $((root - esp)) $root | sfdisk --quiet --no-reread --no-tell-kernel --wipe never "$volume"
    dd if="$image/boot.img" of="$volume" bs=440 count=1 conv=notrunc status=none
    sync "$volume"
    [ "$(blkid -p -O $((root * 512)) -o value -s UUID "$volume")" = "$uuid" ] || fail "what was written is not read again"
}

cloud() {
    # cloud-init reads vendor-data as it does user-data; the private key is on the seed alone, which only root reads.
    tree=$(mktemp -d)
    mount -t tmpfs -o mode=0700 tmpfs "$tree"
    cp "$folder/files/"*-data "$folder/files/network-config" "$tree/"
    draw_key "$guest" "$tree/key"
    {
        printf '#cloud-config\nssh_keys:\n  ed25519_public: %s\n  ed25519_private: |\n' "$(cat "$tree/key.pub")"
        sed 's/^/    /' "$tree/key"
    } >"$tree/vendor-data"
    rm "$tree/key" "$tree/key.pub"
    (umask 077 && xorrisofs -quiet -V CIDATA -J -r -o "$folder/.seed.iso" "$tree") || fail "the seed was not made"
    umount "$tree"
    rmdir "$tree"
    tree=''
    mv "$folder/.seed.iso" "$folder/seed.iso"
    say "copying the image to $volume"
    gzip -dc "$packed" | dd of="$volume" bs=4M iflag=fullblock conv=notrunc,fsync status=none
    gzip -dc "$packed" | cmp -s -n "$(cat "$image/disk.bytes")" - "$volume" || fail "what was written is not read again"
}

tools='blkid blockdev cmp gzip lvs ssh-keygen'
if [ -e "$image/disk.raw.gz" ]; then
    kind=cloud parts='disk.raw.gz disk.bytes' tools="$tools xorrisofs"
else
    kind=debian parts='system.tar.gz boot.img core.img esp.img' tools="$tools losetup mkfs.ext4 sfdisk tar"
fi
for tool in $tools; do
    command -v "$tool" >/dev/null || fail "this host has no $tool"
done
for part in $parts; do
    [ -s "$image/$part" ] || fail "$image has no $part"
done
[ -d "$folder/files" ] || fail "$folder/files is not there"
exec 9>"$folder/lock"
flock -n 9 || refuse "another run puts a system on the disk of $guest"

found=$(lvs --noheadings --separator '|' -o lv_uuid,lv_device_open "$volume" | tr -d ' ')
case $found in
"$identity|") ;;
"$identity|"*) refuse "$volume is in use" ;;
*) refuse "$volume is another volume than the plan was made for" ;;
esac
[ "$(blockdev --getss "$volume")" = 512 ] || refuse "$volume has sectors of 4096 bytes, which no BIOS of a guest starts from"
if [ "$(cat "$folder/writing" 2>/dev/null || true)" = "$identity" ]; then
    say "$volume was half written when an earlier run was cut off; it begins anew"
else
    seen=0
    blkid -p "$volume" >/dev/null 2>&1 || seen=$? # 2: nothing at all; 8: more than one thing (blkid(8))
    [ "$seen" -eq 2 ] && cmp -s -n 4096 "$volume" /dev/zero ||
        refuse "$volume holds something: nothing is written over it"
fi
packed=$image/${parts%% *}
gzip -t "$packed" || fail "$packed is damaged; nothing was written"
if [ $kind = cloud ] && [ "$(blockdev --getsize64 "$volume")" -lt "$(cat "$image/disk.bytes")" ]; then
    refuse "$volume is smaller than the image, which needs $(($(cat "$image/disk.bytes") / 1048576)) MiB; nothing was written"
fi

rm -f "$folder/installed" "$folder/host_key.pub" "$folder/seed.iso"
note writing "$identity"
$kind
note host_key.pub "$key"
note installed "$identity"
rm -f "$folder/writing"
sync "$folder"
say "$guest has its system; its host key: $key"
