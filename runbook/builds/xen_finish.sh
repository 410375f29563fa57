# Makes a package that a Debian host can live with of the one that `make debball` made: POSIX sh, run in
# the unpacked source of a finished build. XEN is the release's version, such as 4.20; RECIPE and OUT too.
#
# debball's own package says neither what it needs nor what it clashes with, and puts the hypervisor
# into /boot four times (H505, H601).
made=$(ls dist/xen-upstream-*.deb)
dpkg-deb --raw-extract "$made" ../package
cd ../package

# One hypervisor: GRUB would show an entry for each name that leads to it. Its symbols are for debuggers.
find boot -type l -delete
rm -rf boot/xen-syms-* boot/*.efi usr/lib/debug usr/lib64/efi usr/lib/efi

# What only a compiler needs, and init scripts beside the units of the same services.
rm -rf usr/include usr/lib/xen/lib/*.a usr/lib/xen/lib/pkgconfig etc/init.d
find usr/lib/xen/lib -maxdepth 1 -type l -name '*.so' -delete
mkdir -p usr/share/bash-completion/completions
mv etc/bash_completion.d/xl usr/share/bash-completion/completions/xl
rmdir etc/bash_completion.d
find etc -type f -printf '/%p\n' | sort >DEBIAN/conffiles

mkdir -p ../needs/debian
printf 'Source: xen-upstream\nPackage: xen-upstream\nArchitecture: any\n' >../needs/debian/control
programs=$(find usr/bin usr/sbin usr/lib/xen/bin usr/lib/xen/lib -type f | while read -r file; do
    [ "$(head -c 4 "$file" | tail -c 3)" != ELF ] || printf '%s\n' "$PWD/$file"
done)
needs=$(cd ../needs && dpkg-shlibdeps -O --ignore-missing-info -l"$OLDPWD/usr/lib/xen/lib" \
    -xxen-upstream $programs 2>../out/shlibdeps.log | sed 's/^shlibs:Depends=//')
version=$(sed -n 's/^Version: //p' DEBIAN/control)+$RECIPE
cat >DEBIAN/control <<CONTROL
Package: xen-upstream
Version: $version
Architecture: amd64
Maintainer: this host's runbook <root@localhost>
Section: admin
Priority: optional
Installed-Size: $(du -ks --exclude=DEBIAN . | cut -f 1)
Depends: $needs, python3, qemu-system-xen, seabios, udev
Conflicts: libxen-dev, xen-hypervisor-common, xen-system-amd64, xen-utils-$XEN, xen-utils-common, xenstore-utils
Description: Xen $XEN, hypervisor and tools, built from source
 It takes the place of Debian's packages of Xen and cannot be installed beside them. The device model,
 qemu-system-xen, and the libraries that it uses are Debian's.
CONTROL
dpkg-deb --root-owner-group -Zxz --build . "../out/xen-upstream_${version}_amd64.deb"
dpkg-deb --contents ../out/xen-upstream_*.deb | sed 's/.* \.//' | sort >../out/contents
