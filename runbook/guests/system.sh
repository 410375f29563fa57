#!/bin/sh
# Puts a system on the volume of one guest, and writes into it what is that guest's own.
#
#   install-system GUEST VOLUME IDENTITY DISK UUID IMAGE
#
# VOLUME must be the volume whose LVM uuid is IDENTITY, be closed, and hold nothing, or what a cut-off run of this
# program left there. Of that the note `writing` tells, and a mark in the volume's first MiB, which is empty but for it as
# long as the volume is half written: who has put something else on it meanwhile has written there, too.
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
loop='' tree='' locked=''

cleanup() {
    status=$?
    trap - EXIT
    trap '' HUP INT TERM PIPE
    [ -z "$tree" ] || { umount "$tree" 2>/dev/null || true; rmdir "$tree" 2>/dev/null || true; }
    [ -z "$loop" ] || losetup -d "$loop" 2>/dev/null || true
    # Before the lock is held, what lies there is another run's.
    [ -z "$locked" ] || rm -f "$folder/.head"
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

holds() { perl - "$volume" <<'EOF'
@HOLDS@
EOF
}

head_of_mib() { # FILE: the first MiB, in one write
    [ "$(stat -c %s "$1")" -eq 1048576 ] || fail "the first MiB of $volume was not made"
    dd if="$1" of="$volume" bs=1M count=1 conv=notrunc,fsync status=none
    rm "$1"
}

mark() {
    truncate -s 1044480 "$folder/.head"
    printf 'xen-runbook: half a system: %s\n' "$identity" >>"$folder/.head"
    truncate -s 1048576 "$folder/.head"
    head_of_mib "$folder/.head"
}

debian() {
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
    sync "$volume"
    [ "$(blkid -p -O $((root * 512)) -o value -s UUID "$volume")" = "$uuid" ] || fail "what was written is not read again"
    # What makes it a disk that starts is written last and at once, and takes the mark away. Nothing of the host reads the
    # table: its partitions are the guest's.
    truncate -s "$(blockdev --getsize64 "$volume")" "$folder/.head"
    printf 'label: dos\nlabel-id: 0x%s\nstart=%s, size=%s, type=ef\nstart=%s, type=83, bootable\n' \
        "$disk" $esp $((root - esp)) $root | sfdisk --quiet --no-reread --no-tell-kernel --wipe never "$folder/.head"
    truncate -s 1048576 "$folder/.head"
    dd if="$image/core.img" of="$folder/.head" bs=512 seek=1 conv=notrunc status=none
    dd if="$image/boot.img" of="$folder/.head" bs=440 count=1 conv=notrunc status=none
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
    # Without its first MiB it is no disk that starts, so that comes last, and takes the mark away.
    say "copying the image to $volume"
    bytes=$(cat "$image/disk.bytes") mib=1048576
    gzip -dc "$packed" | {
        dd of="$folder/.head" bs=$mib count=1 iflag=fullblock status=none
        dd of="$volume" bs=$mib seek=1 iflag=fullblock conv=notrunc,fsync status=none
    }
    truncate -s $mib "$folder/.head"
    [ "$bytes" -le $mib ] || gzip -dc "$packed" | cmp -s -i $mib:$mib -n $((bytes - mib)) - "$volume" ||
        fail "what was written is not read again"
}

tools='blkid blockdev cmp gzip lvs perl ssh-keygen truncate'
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
locked=yes

found=$(lvs --noheadings --separator '|' -o lv_uuid,lv_device_open "$volume" | tr -d ' ')
case $found in
"$identity|") ;;
"$identity|"*) refuse "$volume is in use" ;;
*) refuse "$volume is another volume than the plan was made for" ;;
esac
[ "$(blockdev --getss "$volume")" = 512 ] || refuse "$volume has sectors of 4096 bytes, which no BIOS of a guest starts from"
found=$(holds)
found=${found#HOLDS=}
if [ "$(cat "$folder/writing" 2>/dev/null || true)" = "$identity" ] && [ "$found" = "half $identity" ]; then
    say "$volume was half written when an earlier run was cut off; it begins anew"
else
    seen=0
    blkid -p "$volume" >/dev/null 2>&1 || seen=$? # 2: nothing at all; 8: more than one thing (blkid(8))
    [ "$seen" -eq 2 ] || found="data 0"
    case $found in
    nothing) ;;
    "leftovers "*) say "$volume is new; what stands at byte ${found#* } is of an older volume in its place" ;;
    *) refuse "$volume holds something: nothing is written over it" ;;
    esac
fi
packed=$image/${parts%% *}
gzip -t "$packed" || fail "$packed is damaged; nothing was written"
if [ $kind = cloud ] && [ "$(blockdev --getsize64 "$volume")" -lt "$(cat "$image/disk.bytes")" ]; then
    refuse "$volume is smaller than the image, which needs $(($(cat "$image/disk.bytes") / 1048576)) MiB; nothing was written"
fi

rm -f "$folder/installed" "$folder/host_key.pub" "$folder/seed.iso"
note writing "$identity"
mark
$kind
head_of_mib "$folder/.head"
note host_key.pub "$key"
note installed "$identity"
rm -f "$folder/writing"
sync "$folder"
say "$guest has its system; its host key: $key"
