# Builds OvmfXen of Debian's edk2 with Debian's patches, and makes a package of it. Runs in /build, without a network.

version=$(cat sources/version.txt)
mkdir edk2 package
tar -xf sources/edk2_*.orig.tar.xz -C edk2 --strip-components=1
cd edk2
tar -xf ../sources/edk2_*.debian.tar.xz
grep -v '^ *\(#\|$\)' debian/patches/series | while read -r name; do
    patch --quiet -p1 <"debian/patches/$name"
done
# With the delayed dispatch of 2024.11 the firmware dies at its first timer unless PEI_CORE reads variables
# (edk2 99cbb636521a, issue 11046).
if grep -q DelayedDispatch MdeModulePkg/Core/Pei/PeiMain.h &&
    ! sed -n '/^\[LibraryClasses.common.PEI_CORE\]/,/^$/p' OvmfPkg/OvmfXen.dsc | grep -q 'PcdLib|.*PeiPcdLib'; then
    echo "E: this edk2 ($version) does not start under Xen: it lacks edk2 99cbb636521a" >&2
    exit 1
fi

export PYTHON3_ENABLE=TRUE WORKSPACE="$PWD" EDK_TOOLS_PATH="$PWD/BaseTools" CONF_PATH="$PWD/Conf"
toolchain=$(sed -n 's/^EDK2_TOOLCHAIN *= *//p' debian/rules)
set +eu
. ./edksetup.sh
set -eu
make -C BaseTools -j"$JOBS"
# The date in the firmware is that of Debian's version, so that two builds of one source are the same.
date=$(sed -n 's/^ -- .*>  //p' debian/changelog | head -n 1)
# As in Debian's rules: the tool sets the quotes of a wide string itself.
build -n "$JOBS" -a X64 -t "${toolchain:-GCC5}" -b RELEASE -p OvmfPkg/OvmfXen.dsc \
    -D NETWORK_HTTP_BOOT_ENABLE=TRUE -D NETWORK_IP6_ENABLE=TRUE \
    --pcd "PcdFirmwareVendor=LDebian source of EDK II for Xen\\0" \
    --pcd "PcdFirmwareVersionString=L$version\\0" \
    --pcd "PcdFirmwareReleaseDateString=L$(date -u -d "$date" +%m/%d/%Y)\\0"
image=$(ls Build/OvmfXen/RELEASE_*/FV/OVMF.fd)

cd ../package
mkdir -p DEBIAN usr/share/ovmf-xen usr/share/doc/ovmf-xen
cp "../edk2/$image" usr/share/ovmf-xen/OVMF.fd
cp ../edk2/debian/copyright usr/share/doc/ovmf-xen/
cat >DEBIAN/control <<CONTROL
Package: ovmf-xen
Version: $version+$RECIPE
Architecture: all
Maintainer: this host's runbook <root@localhost>
Section: misc
Priority: optional
Description: UEFI firmware for HVM and PVH guests of Xen, built from Debian's edk2
CONTROL
dpkg-deb --root-owner-group -Zxz --build . "../out/ovmf-xen_$version+${RECIPE}_all.deb"
echo "Debian's source package edk2 $version" >../out/built-from.txt
