#!/bin/bash
# Backs up, verifies and restores the volume of one guest.
#
#   backup make GUEST VOLUME FOLDER used-blocks|whole off|snapshot [pause|freeze TO FOLDER...]
#   backup verify FOLDER NAME
#   backup restore FOLDER NAME GUEST VOLUME SUM AGAIN
#   backup beside FOLDER NAME VOLUME
#
# A backup is a folder FOLDER/GUEST-DATE of three files: volume.zst (every byte) or blocks.zst (what the file
# systems use, and all that lies between them), backup.json, and SHA256SUMS of the two. It is made under a
# name that begins with a dot and gets its own by one rename, after everything has reached the disk: what has
# the name is whole. Nothing here ever deletes a backup; what a cut-off run left behind is removed.
# `beside` restores to a volume that is nobody's, and touches neither the guest nor its notes.
#
# Exit status: 0 done, 1 it failed or something is wrong with the backup, 2 wrong usage, 3 refused.
set -euo pipefail
umask 077
export LC_ALL=C PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin"
at=${BACKUP_ROOT:-} # the tests put another root in front of the paths of the host's own
blocks=${BACKUP_BLOCKS:-/usr/local/lib/xen-runbook/blocks}
state=$at/var/lib/xen-runbook/backups
tag=xen-runbook-backup
loop='' snapshot='' partial='' tmp='' work='' paused='' still=''

say() { echo "$*"; }
fail() { echo "backup: $*" >&2; exit 1; }
refuse() { echo "backup: refused: $*" >&2; exit 3; }

# In a session of its own: an interrupt that ends this program must not end its tidying up.
cleanup() {
    status=$?
    trap - EXIT
    trap '' HUP INT TERM PIPE
    [ -z "$still" ] || exec 7>&- 8<&- # whoever is frozen over there thaws
    if [ -n "$loop$snapshot$partial$tmp$paused" ]; then
        setsid -w sh -c '
            [ -z "$5" ] || xl unpause "$5"
            [ -z "$1" ] || losetup -d "$1"
            [ -z "$2" ] || lvremove -q -f "$2" || { sleep 2; lvremove -q -f "$2"; }
            [ -z "$3" ] || rm -rf -- "$3"
            [ -z "$4" ] || rm -rf -- "$4"
        ' tidy "$loop" "${snapshot:+@$tag}" "$partial" "$tmp" "$paused" >/dev/null 2>&1 </dev/null || true
    fi
    exit "$status"
}

lock() {
    mkdir -p "$at/run/lock"
    exec 9>"$at/run/lock/xen-runbook-backup"
    flock -n 9 || refuse "another backup or restore is at work on this host"
}

# openssl uses the processor's own instructions where coreutils may not: several times as fast.
if command -v openssl >/dev/null; then
    sum() { openssl dgst -sha256 -r | cut -d ' ' -f 1; }
else
    sum() { sha256sum | cut -d ' ' -f 1; }
fi

size_of() { if [ -b "$1" ]; then blockdev --getsize64 "$1"; else stat -Lc %s "$1"; fi; }
field() { sed -n "s/^  \"$2\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$1"; }
version() { "$@" 2>&1 | grep -oE '[0-9]+\.[0-9][0-9.]*' | sed 1q || true; }

is_running() { # GUEST
    command -v xl >/dev/null || return 1
    if xl domid "$1" >/dev/null 2>&1; then return 0; fi
    if grep -qs control_d "$at/proc/xen/capabilities" && ! xl list >/dev/null 2>&1; then
        refuse "xl does not answer, so nobody knows whether $1 runs"
    fi
    return 1
}

# Every name under which a mount can show the volume: its own, device-mapper's, and loop devices on it.
names_of() {
    echo "$1"
    readlink -f "$1"
    dmsetup info -c --noheadings -o name "$1" 2>/dev/null | sed 's,^,/dev/mapper/,' || true
    losetup -n -O NAME -j "$(readlink -f "$1")" || true
}

# The mounts of a volume, `FOLDER OPTIONS` a line.
mounts_of() { names_of "$1" | awk 'NR == FNR { n[$1]; next } $1 in n { print $2, $4 }' - "$at/proc/mounts"; }

# ---------------------------------------------------------------------------------------------- make

remove_torn() { # FOLDER
    local torn old
    for torn in "$1"/.*.partial; do
        [ -d "$torn" ] || continue
        say "removing what a backup that was cut off left behind: $torn"
        rm -rf -- "$torn"
    done
    command -v lvs >/dev/null || return 0
    for old in $(lvs --noheadings -o lv_full_name "@$tag" 2>/dev/null); do
        say "removing the snapshot that a backup that was cut off left behind: $old"
        lvremove -q -f "$old"
    done
}

# Thaws by itself: when it is told to, when this program or the connection is gone, and after a minute.
# On one line, for a shell of any kind over there.
frozen='thawed() { s=$?; for f in $done; do fsfreeze -u "$f" || s=1; done; exit $s; }; done=; trap thawed EXIT; trap "exit 1" HUP INT TERM PIPE; for f; do fsfreeze -f "$f" || exit 1; done="$f $done"; done; echo frozen; timeout 60 head -n 1'

# Wait at most a minute for one line of the guest's, whatever else it says; `heard` is the last of that.
hear() { # LINE
    local line='' end=$((SECONDS + 60))
    heard=''
    while [ "$SECONDS" -lt "$end" ] && read -r -t $((end - SECONDS)) line <&8; do
        [ "$line" != "$1" ] || return 0
        heard=$line
    done
    return 1
}

# The guest holds still until `let_go`.
hold() { # GUEST [pause | freeze TO FOLDER...]
    local guest=$1 how=${2:-} to=${3:-}
    case $how in
        '') ;;
        pause)
            xl pause "$guest" || fail "$guest cannot be paused; nothing was kept"
            paused=$guest
            ;;
        freeze)
            shift 3
            # Pipes with names and not a coproc, whose ends bash takes away when it is gone, with its last words.
            mkfifo "$work/tell" "$work/hear"
            # The far end thaws after a minute; a connection that is dead, or never says anything, is not waited for either.
            timeout -k 5 240 ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -- "$to" "sh -c $(printf %q "$frozen") still $(printf '%q ' "$@")" <"$work/tell" >"$work/hear" 2>&1 9>&- &
            still=$!
            exec 7>"$work/tell" 8<"$work/hear"
            hear frozen || fail "$guest did not freeze (${heard:-no answer of $to within a minute}); nothing was kept"
            ;;
        *) fail "there is no way to hold still called $how" ;;
    esac
}

let_go() { # [pause | freeze ...]
    case ${1:-} in
        pause)
            xl unpause "$paused" || fail "$paused stays paused: xl unpause $paused failed; nothing was kept"
            paused=''
            ;;
        freeze)
            # What it says back is the very line that it was told: it was frozen until now.
            (trap '' PIPE; echo thaw >&7) 2>/dev/null || true
            hear thaw || fail "the file systems thawed before the snapshot was taken; nothing was kept"
            exec 7>&- 8<&-
            wait "$still" || fail "the file systems of the guest did not thaw; run \`fsfreeze -u\` in it. Nothing was kept"
            ;;
    esac
}

take_snapshot() { # GUEST VOLUME [pause | freeze TO FOLDER...]; sets `snapshot`
    local lv kind size free name=$1-runbook-backup
    lv=$(lvs --noheadings -o lv_full_name "$2" | tr -d ' ')
    kind=$(lvs --noheadings -o segtype "$2" | tr -d ' ')
    snapshot=${lv%/*}/$name
    if [ "$kind" != thin ]; then
        # A fifth of the volume may change while it is read; without so much room, what there is.
        size=$(lvs --noheadings --nosuffix --units m -o lv_size "$2" | tr -d ' ')
        free=$(vgs --noheadings --nosuffix --units m -o vg_free "${lv%/*}" | tr -d ' ')
        size=$((${size%.*} / 5)) free=${free%.*}
        [ "$size" -le "$free" ] || size=$free
        [ "$size" -ge 8 ] || fail "volume group ${lv%/*} has no room for a snapshot ($free MiB are free)"
    fi
    hold "$1" "${@:3}"
    if [ "$kind" = thin ]; then
        lvcreate -q --yes -s -kn --addtag "$tag" -n "$name" "$lv" >/dev/null 7>&- 8<&-
    else
        lvcreate -q --yes -s --addtag "$tag" -n "$name" -L "${size}m" "$lv" >/dev/null 7>&- 8<&-
    fi
    let_go "${@:3}"
    case ${3:-} in
        freeze) say "$1 runs: reading from the snapshot $snapshot; its file systems had written out what they held" ;;
        *) say "$1 runs: reading from the snapshot $snapshot, as after a power cut at this moment" ;;
    esac
}

snapshot_held() {
    [ -z "$snapshot" ] || [ "$(lvs --noheadings --binary -o lv_snapshot_invalid "$snapshot" | tr -d ' ')" != 1 ] ||
        fail "the snapshot overflowed: the guest wrote more than it could hold. Nothing was kept; free room in the volume group, or shut the guest down"
}

# One row for each partition, or one for a file system without a table: number, start, size, kind of entry.
parts_of() { # VOLUME SIZE TABLE
    if [ ! -s "$3" ]; then
        printf '0\t0\t%s\t\n' "$2"
        return
    fi
    sed -n 's/^[^ ]*[^0-9]\([0-9][0-9]*\) : start= *\([0-9]*\), size= *\([0-9]*\), type=\([^,]*\).*/\1 \2 \3 \4/p' "$3" |
        awk -v bytes="$(sed -n 's/^sector-size: *//p' "$3")" -v OFS='\t' \
            '{ b = bytes ? bytes : 512; printf "%d\t%.0f\t%.0f\t%s\n", $1, $2 * b, $3 * b, $4 }'
}

# Fill `map` with what one file system says is free; succeed only when that can be believed. `why` says why not.
map_free() { # SOURCE START SIZE TYPE MAP
    local tool=partclone.$4 device=$1 mode=-r status=0
    why=''
    case $4 in
        ext[234] | ntfs | vfat | xfs | btrfs | exfat) ;;
        swap) # its first page says that it is swap; the rest is nothing once the guest is off
            printf '0x%X 0x%X ?\n' 65536 "$(($3 - 65536))" >"$5"
            return 0
            ;;
        '') why="no file system that is known"; return 1 ;;
        *) why="what $4 uses cannot be told safely"; return 1 ;;
    esac
    if [ -n "$snapshot" ] && [ "$4" = ntfs ]; then
        why="an NTFS that is in use cannot be read block by block"
        return 1
    fi
    command -v "$tool" >/dev/null || { why="$tool is not installed"; return 1; }
    if [ -b "$1" ] || [ "$2" != 0 ]; then
        # Only a snapshot, which is thrown away, may be written: its journal is played back in it.
        [ -z "$snapshot" ] || mode=''
        loop=$(losetup ${mode:+"$mode"} -o "$2" --sizelimit "$3" --show -f "$1") || { loop=''; why="no loop device"; return 1; }
        device=$loop
    fi
    is_mapped "$4" "$device" "$tool" "$5" || status=1
    [ -z "$loop" ] || losetup -d "$loop"
    loop=''
    return "$status"
}

# Eight bytes of a device as a number, the lowest first.
number_at() { od -An -v -tu8 --endian=little -j "$2" -N 8 "$1" | tr -d ' '; } # DEVICE BYTE

is_mapped() { # TYPE DEVICE TOOL MAP
    case $1 in
        ext*)
            [ -z "$snapshot" ] || e2fsck -y -E journal_only "$2" >/dev/null 2>&1 || true
            case $(dumpe2fs -h "$2" 2>/dev/null | grep '^Filesystem features:') in
                *needs_recovery*)
                    why="its journal was not played back: the guest was not shut down cleanly"
                    return 1
                    ;;
            esac
            ;;
        xfs) # partclone does not look at the log, and what it has yet to do may lie in what is called free
            command -v xfs_logprint >/dev/null || { why="xfs_logprint, which sees whether its log was played back, is not installed (package xfsprogs)"; return 1; }
            case $(xfs_logprint -t "$2" 2>/dev/null) in
                *'state: <CLEAN>'*) ;;
                *) why="its log was not played back: the guest was not shut down cleanly"; return 1 ;;
            esac
            ;;
        btrfs) # struct btrfs_super_block: a tree of what was written since the last commit, and the number of disks
            [ "$(number_at "$2" $((65536 + 96)))" = 0 ] || { why="its log tree was not played back: the guest was not shut down cleanly"; return 1; }
            [ "$(number_at "$2" $((65536 + 136)))" = 1 ] || { why="it lies on more than one disk"; return 1; }
            ;;
        exfat) # the volume's flags (exFAT specification, 3.1.13): bit 0 names the second table, bit 1 says dirty
            case $(od -An -v -tu1 -j 106 -N 1 "$2" | tr -d ' ') in
                0 | [48]) ;; # media that once failed may be read
                *) why="it is marked as not cleanly unmounted"; return 1 ;;
            esac
            ;;
    esac
    # -f 0: it would sleep two seconds between two lines of a progress that nobody sees.
    if "$3" -D -f 0 -s "$2" -o "$4" -L "$work/partclone.log" >/dev/null 2>&1 && [ -s "$4" ]; then return 0; fi
    why=$(tr -d '\r' <"$work/partclone.log" | grep -iE 'error|fail|dirty|mounted|clean|hibernat|unsafe|find|check' |
        head -n 1 | tr '\t"\\' '   ' | cut -c 1-200)
    why="$3 would not read it${why:+ ($why)}"
    return 1
}

# Fill `found` with the maps of what is free in a volume group of the guest's own: extents that belong to no volume,
# and what the file system in a volume calls free. The group is never activated here: dom0 has no business with it.
in_lvm() { # SOURCE START SIZE NUMBER
    local name from bytes map=$work/map-$4
    found=()
    why=$("$blocks" lvm "$1" "$2" "$3" 2>&1 >"$work/lvm") || { why=${why#blocks: }; return 1; }
    grep ' ?$' "$work/lvm" >"$map" || true
    found+=("$2:$3:$map")
    grep '^lv ' "$work/lvm" >"$work/volumes" || true
    while read -r _ name from bytes; do
        if map_free "$1" "$from" "$bytes" "$(blkid -p -O "$from" -S "$bytes" -s TYPE -o value "$1" || true)" "$map-$name"; then
            found+=("$from:$bytes:$map-$name")
        else
            say "partition $4: the volume $name of the group in it is kept whole: $why"
        fi
    done <"$work/volumes"
    why=''
}

# Write `kept`, the extents that go into the backup, and `parts`, what was done with each partition.
choose() { # SOURCE SIZE CONTENT
    local number start size kind type map how maps=() overlaps=''
    printf '#number\t#start\t#size\ttype\tkept\twhy\n' >"$work/parts"
    parts_of "$1" "$2" "$work/table" >"$work/rows"
    if sort -t $'\t' -n -k 2 "$work/rows" | awk -F '\t' -v size="$2" '
        $4 ~ /^(5|f|85)$/ { next } $2 < end || $2 + $3 > size { bad = 1 } { end = $2 + $3 } END { exit !bad }'; then
        overlaps="partitions overlap, or end behind the volume"
    fi
    while IFS=$'\t' read -r number start size kind; do
        case $kind in 5 | f | 85) continue ;; esac
        type=$(blkid -p -O "$start" -S "$size" -s TYPE -o value "$1" || true)
        map=$work/map-$number how=whole why=$overlaps
        if [ "$3" = whole ]; then
            why=''
        elif [ -z "$overlaps" ] && map_free "$1" "$start" "$size" "$type" "$map"; then
            how=used-blocks
            maps+=("$start:$size:$map")
        elif [ -z "$overlaps" ] && [ "$type" = LVM2_member ] && in_lvm "$1" "$start" "$size" "$number"; then
            how=used-blocks
            maps+=(${found[@]+"${found[@]}"})
        elif [ "$number" = 0 ]; then
            say "the volume is kept whole: $why"
        else
            say "partition $number (${type:-unknown}) is kept whole: $why"
        fi
        printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$number" "$start" "$size" "$type" "$how" "$why" >>"$work/parts"
    done <"$work/rows"
    "$blocks" keep "$2" ${maps[@]+"${maps[@]}"} >"$work/kept"
}

# Room is reckoned from a few pieces, compressed: so a disk does not run full after hours.
need_room() { # SOURCE FOLDER
    local sampled packed kept need free
    kept=$(awk '{ n += $2 } END { printf "%.0f", n }' "$work/kept")
    packed=$("$blocks" sample "$1" "$work/kept" "$work/sampled" | zstd -q "$level" -c | wc -c)
    sampled=$(cat "$work/sampled")
    need=$(awk -v k="$kept" -v s="$sampled" -v p="$packed" 'BEGIN { printf "%.0f", (s ? k * p / s : 0) * 1.1 + 1048576 }')
    free=$(df -B1 --output=avail "$2" | tail -n 1 | tr -d ' ')
    say "$((kept >> 20)) MiB to keep, about $((need >> 20)) MiB when packed; $((free >> 20)) MiB are free"
    [ "$need" -le "$free" ] || refuse "$2 has too little room: about $((need >> 20)) MiB are needed, $((free >> 20)) MiB are free"
}

write_sidecar() { # GUEST VOLUME SIZE CONTENT SOURCE FILE DATE
    local config=$at/etc/xen/$1.cfg
    [ -r "$config" ] || config=/dev/null
    "$blocks" json format="xen-runbook-backup 1" name="${partial_name}" guest="$1" host="$(uname -n)" date="$7" \
        volume="$2" size_bytes:="$3" content="$4" source="$5" \
        kept_bytes:="$(awk '{ n += $2 } END { printf "%.0f", n }' "$work/kept")" \
        file="$6" file_bytes:="$(stat -c %s "$partial/$6")" sha256="$(cat "$work/sha256")" \
        macs*="$(grep -oiE '([0-9a-f]{2}:){5}[0-9a-f]{2}' "$config" | tr '\n' ' ' || true)" \
        tools*="zstd-$(version zstd --version) partclone-$(version partclone.info --version) sfdisk-$(version sfdisk --version)" \
        parts%="$work/parts" table@="$work/table" config@="$config"
}

make() { # GUEST VOLUME FOLDER CONTENT SOURCE [pause | freeze TO FOLDER...]
    local guest=$1 volume=$2 folder=$3 content=$4 source=$5 from=$2 size file level date written
    [ -b "$volume" ] || [ -f "$volume" ] || fail "there is no volume $volume"
    lock
    mkdir -p "$folder"
    remove_torn "$folder"
    date=$(date -u +%Y%m%dT%H%M%SZ) partial_name=$guest-$date
    [ ! -e "$folder/$partial_name" ] || fail "$folder/$partial_name is there already; a backup is never replaced"
    written=$(mounts_of "$volume" | awk '$2 ~ /^rw(,|$)/ { print $1 }')
    [ -z "$written" ] || refuse "$volume is mounted writable at $written; umount it"
    partial=$folder/.$partial_name.partial
    mkdir "$partial"
    work=$partial/work
    mkdir "$work"
    if is_running "$guest"; then
        [ "$source" = snapshot ] || refuse "$guest is running; shut it down (xl shutdown -F -w $guest), or back up from a snapshot"
        take_snapshot "$guest" "$volume" "${@:6}"
        from=$at/dev/$snapshot
    else
        source=off
    fi
    size=$(size_of "$from")
    : >"$work/table"
    if [ -n "$(blkid -p -s PTTYPE -o value "$from" || true)" ]; then
        sfdisk --dump "$from" >"$work/table" 2>/dev/null || say "its partition table cannot be read by sfdisk"
        # The first sector of an exFAT that fills the volume is a table without partitions to sfdisk.
        grep -q ' : start=' "$work/table" || : >"$work/table"
    fi
    choose "$from" "$size" "$content"
    # What used blocks save in size may go into speed: both are smaller than the guide's, see benchmarks.
    file=blocks.zst level=-1
    [ "$content" = used-blocks ] || file=volume.zst level=-3
    need_room "$from" "$folder"
    "$blocks" gather "$from" "$work/kept" ${content/used-blocks/} | zstd -q "$level" -T0 -c | tee "$partial/$file" | sum >"$work/sha256"
    snapshot_held
    [ -n "$snapshot" ] || ! is_running "$guest" || fail "$guest was started meanwhile; nothing was kept"
    write_sidecar "$guest" "$volume" "$size" "$content" "$source" "$file" "$date" >"$partial/backup.json"
    printf '%s  %s\n' "$(cat "$work/sha256")" "$file" "$(sum <"$partial/backup.json")" backup.json >"$partial/SHA256SUMS"
    rm -rf "$work"
    sync "$partial/$file" "$partial/backup.json" "$partial/SHA256SUMS" "$partial"
    mv -T "$partial" "$folder/$partial_name"
    partial=''
    sync "$folder"
    say "made $folder/$partial_name: $(($(stat -c %s "$folder/$partial_name/$file") >> 20)) MiB of $((size >> 20)) MiB"
}

# -------------------------------------------------------------------------------------------- verify

# What has been read to its end and is wrong stays so until it is read again and is right: it is noted for the host's
# own timer. What could not be read just now, for want of memory or because a disk did not answer, is no verdict.
condemn() { # FOLDER FILE WHAT
    [ -f "$1/$2" ] || fail "${1##*/}: $3" # without its data it counts as none anyway
    mkdir -p "$state"
    echo "$(sum <"$1/SHA256SUMS") $(stat -c '%s %Y' "$1/$2") ${1##*/}: $3" >"$state/.new"
    sync "$state/.new"
    mv "$state/.new" "$state/${1##*/}.broken"
    rm -f "$state/${1##*/}.verified"
    fail "${1##*/}: $3"
}

# Says the first thing that is wrong. The file is read once, from the disk and not from the memory's copy of it.
verify() { # FOLDER NAME
    local folder=$1/$2 name=$2 file want have size raw='' ends=(0 0 0) have_sum want_sum
    [ -d "$folder" ] || fail "there is no backup $2 in $1"
    for file in SHA256SUMS backup.json; do
        [ -e "$folder/$file" ] || fail "$name lacks its $file"
        [ -s "$folder/$file" ] || fail "$name: its $file is empty"
    done
    have_sum=$(sum <"$folder/backup.json") && want_sum=$(wanted "$folder" backup.json) && file=$(field "$folder/backup.json" file) ||
        fail "$name: backup.json and SHA256SUMS could not be read just now"
    [ "$want_sum" = "$have_sum" ] || condemn "$folder" "$file" "backup.json was altered"
    size=$(field "$folder/backup.json" size_bytes)
    [ -e "$folder/$file" ] || fail "$name lacks its $file"
    want=$(field "$folder/backup.json" file_bytes) have=$(stat -c %s "$folder/$file")
    [ "$have" -ge "$want" ] || fail "$name: $file is truncated: $have of $want bytes are there"
    [ "$have" = "$want" ] || fail "$name: $file has $have bytes instead of $want"
    [ "$file" = blocks.zst ] || raw=raw
    tmp=$(mktemp -d)
    mkfifo "$tmp/copy"
    dd if="$folder/$file" iflag=nocache count=0 status=none
    sum <"$tmp/copy" >"$tmp/sum" &
    # Broken data ends zstd early, which is no reason for tee to stop; what tee then complains of is the disk.
    { tee -p "$tmp/copy" <"$folder/$file" 2>"$tmp/unread" || : >"$tmp/torn"; } |
        zstd -q -dc 2>"$tmp/said" | "$blocks" check "$size" $raw || ends=("${PIPESTATUS[@]}")
    wait $! || true
    [ ! -e "$tmp/torn" ] || fail "$name: $file could not be read just now: $(tail -n 1 "$tmp/unread")"
    have_sum=$(cat "$tmp/sum")
    [ -n "$have_sum" ] || fail "$name: the checksum of $file could not be computed just now; is there room in ${tmp%/*}?"
    want_sum=$(wanted "$folder" "$file") || fail "$name: SHA256SUMS could not be read just now"
    [ "$want_sum" = "$have_sum" ] || condemn "$folder" "$file" "$file was altered: its sha256 is $have_sum"
    # Ended by a signal, or for want of memory, neither of the two has seen the end.
    if [ "${ends[1]}" -ge 126 ] || [ "${ends[2]}" -ge 126 ] || grep -qi memory "$tmp/said"; then
        fail "$name: $file could not be read just now: what unpacks it was ended"
    fi
    [ "${ends[1]}${ends[2]}" = 00 ] || condemn "$folder" "$file" "$file is not a whole stream: $(tail -n 1 "$tmp/said")"
    mkdir -p "$state"
    echo "$(sum <"$folder/SHA256SUMS") $have $(stat -c %Y "$folder/$file") $(date -u +%Y%m%dT%H%M%SZ)" >"$state/.new"
    sync "$state/.new"
    mv "$state/.new" "$state/$name.verified"
    rm -f "$state/$name.broken"
    say "verified $folder: $((have >> 20)) MiB read, $file and backup.json are as they were written"
}

wanted() { sed -n "s/^\([0-9a-f]\{64\}\)  $2\$/\1/p" "$1/SHA256SUMS"; }

# ------------------------------------------------------------------------------------------- restore

identity() { if [ -b "$1" ]; then lvs --noheadings -o lv_uuid "$1" | tr -d ' '; else stat -Lc %d:%i "$1"; fi; }

must_be_free() { # GUEST VOLUME
    local used
    [ -b "$2" ] || [ -f "$2" ] || fail "there is no volume $2"
    ! is_running "$1" || refuse "$1 is running; shut it down: xl shutdown -F -w $1"
    used=$(mounts_of "$2" | cut -d ' ' -f 1)
    [ -z "$used" ] || refuse "$2 is mounted at $used; umount it"
    used=$(losetup -n -O NAME -j "$(readlink -f "$2")" | tr '\n' ' ')
    [ -z "$used" ] || refuse "$2 is attached to $used; detach it: losetup -d"
    [ -f "$2" ] || [ "$(dmsetup info -c --noheadings -o open "$2")" = 0 ] || refuse "$2 is open; close what uses it"
}

# What is written is read again, from the disk and not from the memory's copy of it.
pour() { # FILE VOLUME [SIZE]
    zstd -q -dc "$1" | "$blocks" scatter "${@:2}"
    [ -b "$2" ] || dd if="$2" iflag=nocache count=0 status=none
    zstd -q -dc "$1" | "$blocks" compare "${@:2}"
}

restore() { # FOLDER NAME GUEST VOLUME SUM AGAIN
    local folder=$1/$2 name=$2 guest=$3 volume=$4 file size have raw=''
    lock
    [ -e "$folder/SHA256SUMS" ] || fail "there is no backup $name in $1"
    [ "$(sum <"$folder/SHA256SUMS")" = "$5" ] || refuse "$name is not the backup that was agreed to: it changed since"
    [ "$(field "$folder/backup.json" guest)" = "$guest" ] || refuse "$name is not a backup of $guest"
    must_be_free "$guest" "$volume"
    size=$(field "$folder/backup.json" size_bytes) have=$(size_of "$volume")
    [ "$have" -ge "$size" ] || refuse "$volume has $have bytes, the backup needs $size"
    verify "$1" "$name"
    file=$(field "$folder/backup.json" file)
    [ "$file" = blocks.zst ] || raw=$size
    mkdir -p "$state"
    echo "$name" >"$state/$guest.restoring"
    sync "$state/$guest.restoring"
    pour "$folder/$file" "$volume" $raw
    echo "$name $5 $6 $(identity "$volume") $(date -u +%Y%m%dT%H%M%SZ)" >"$state/.new"
    sync "$state/.new"
    mv "$state/.new" "$state/$guest.restored"
    rm -f "$state/$guest.restoring"
    sync "$state"
    say "restored $name to $volume, read it again and found it the same"
    [ "$have" = "$size" ] || say "$volume is larger than the backup; the room behind it is not part of any partition yet"
}

# A volume beside the original is nobody's: no note is made, and nobody's volume is taken for it.
beside() { # FOLDER NAME VOLUME
    local folder=$1/$2 name=$2 volume=$3 file size have raw=''
    lock
    must_be_free "$name" "$volume"
    verify "$1" "$name"
    file=$(field "$folder/backup.json" file) size=$(field "$folder/backup.json" size_bytes) have=$(size_of "$volume")
    [ "$have" -ge "$size" ] || refuse "$volume has $have bytes, the backup needs $size"
    [ "$(readlink -f "$volume")" != "$(readlink -f "$(field "$folder/backup.json" volume)")" ] ||
        refuse "$volume is the volume that $name was taken of; to overwrite it, restore it"
    [ "$file" = blocks.zst ] || raw=$size
    pour "$folder/$file" "$volume" $raw
    say "restored $name beside the original, to $volume, read it again and found it the same"
}

usage() { sed -n '4,7s/^# *//p' "$0" >&2; exit 2; }

trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM
case ${1:-}:$# in
    make:[6-9] | make:[1-9][0-9] | verify:3 | restore:7 | beside:4) "$@" ;;
    *) usage ;;
esac
