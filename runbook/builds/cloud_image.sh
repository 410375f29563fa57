# Makes a plain disk of a cloud image, packed. Runs in /build, without a network.

# An image can name other files as its ground or its data: whoever opens it would read them, too.
info=$(qemu-img info --output=json sources/image)
format=$(echo "$info" | sed -n 's/^    "format": "\(.*\)",*$/\1/p' | head -n 1)
case $format in
qcow2 | raw) ;;
*)
    echo "E: the image is of the format ${format:-that qemu-img does not know}; qcow2 and raw are taken" >&2
    exit 1
    ;;
esac
if echo "$info" | grep -q '"\(full-\)\{0,1\}backing-filename"\|"data-file"\|"encrypted": true'; then
    echo "E: the image stands on another file, or is encrypted; a whole one is needed" >&2
    exit 1
fi
qemu-img convert -f "$format" -O raw sources/image disk.raw
# A web page that came in its place, or a file that was cut, is a raw image to qemu-img, too.
if [ "$(od -An -tx1 -j 510 -N 2 disk.raw | tr -d ' ')" != 55aa ]; then
    echo "E: the image is no disk that starts: it has no boot sector" >&2
    exit 1
fi
stat -c %s disk.raw >out/disk.bytes
gzip -1 <disk.raw >out/disk.raw.gz
rm disk.raw
