#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The Debian package of this build: what is in it, and that it comes and goes as it should. It is
# installed into a directory; the system it runs on is left alone.
. "${BASH_SOURCE%/*}/lib.sh"
: "${BUILD:?}" "${SOURCE:?}"

[ "$SANITIZED" = 0 ] || [ "$SANITIZED" = OFF ] || exit 77	# nobody packs that
grep -q '^CMAKE_BUILD_TYPE:.*=Release$' "$BUILD/CMakeCache.txt" || exit 77
for tool in cpack dpkg-shlibdeps dpkg-deb deb-systemd-helper; do
	command -v $tool > "$scratch/out" || {
		echo "no $tool" >&2
		exit 77
	}
done
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(fakeroot)

cpack -G DEB --config "$BUILD/CPackConfig.cmake" -B built > "$scratch/log" 2>&1 ||
	fail "no package: $(tail -5 "$scratch/log")"
package=$(echo built/counterspin_*.deb)

# what it says of itself
version=$("$COUNTERSPIN" --version)
expect "$(dpkg-deb -f "$package" Package Version Conflicts Replaces Provides)" "Package: counterspin
Version: ${version#* }
Conflicts: counterspin-record
Replaces: counterspin-record
Provides: counterspin-record (= ${version#* })" 'fields'
for library in libc6 libglib2.0-0 libsqlite3-0 libtracefs1 libseccomp2; do
	dpkg-deb -f "$package" Depends | grep -qE "(^| )$library " || fail "it does not depend on $library"
done
dpkg-deb -f "$package" Description | sed 1d | grep -qvE '^ ([^ ]|\.$)' && fail 'Description has lines of its own'

# what is in it: all that is installed, the manual compressed, nothing that others may write
dpkg-deb -c "$package" > listing
awk '{ print $6 }' listing | sed 's|^\./||' | grep -v '/$' | sort > files
{
	cat <<- END
		usr/bin/counterspin
		usr/lib/systemd/system/counterspin-record.service
		usr/lib/systemd/system/counterspin-record.timer
		usr/lib/tmpfiles.d/counterspin.conf
		usr/share/bash-completion/completions/counterspin
		usr/share/doc/counterspin/changelog.gz
		usr/share/doc/counterspin/copyright
	END
	for page in "$SOURCE"/{*,analyze/report,replay/simulate}/*.[17]; do
		echo "usr/share/man/man${page##*.}/${page##*/}.gz"
	done
} | sort > wanted
expect "$(cat files)" "$(cat wanted)" 'files'
awk '$2 != "root/root" || $1 !~ /^(-rw-r--r--|-rwxr-xr-x|drwxr-xr-x)$/ || ($1 ~ /^-rwx/) != ($6 ~ /\/bin\/./ && $6 !~ /\/$/)' \
	listing > odd
expect "$(cat odd)" '' 'owners and modes'
dpkg-deb -e "$package" control
for script in postinst prerm postrm; do
	[ -x control/$script ] && sh -n control/$script || fail "$script is no script"
done
grep -q '^License: MIT' "$SOURCE/schema/debian/copyright" || fail 'the licence of dygraphs is not in it'

# into a directory, and out again
root=$PWD/root
mkdir -p root/var/lib/dpkg/{info,updates,triggers} root/var/log root/etc
touch root/var/lib/dpkg/{status,available}
in_root() {	# OPTION...: of dpkg
	PATH=$PATH:/usr/sbin:/sbin "${as_root[@]}" dpkg --root="$root" --log="$PWD/dpkg.log" --force-not-root \
		--force-depends --force-script-chrootless "$@" > "$scratch/log" 2>&1 || fail "dpkg $1: $(cat "$scratch/log")"
}

left() {	# files of the package, its scripts and its units; not dpkg's own
	find root \( -type f -o -type l \) ! -path 'root/var/lib/dpkg/*' ! -path 'root/var/log/*' | sort
}

enabled=root/etc/systemd/system/timers.target.wants/counterspin-record.timer
in_root -i "$package"
expect "$("$root/usr/bin/counterspin" --version)" "$version" 'installed'
cp "$DATA/ipi-heavy-icount.dat" .
"$root/usr/bin/counterspin" import ipi-heavy-icount.dat -o a.db > "$scratch/out" 2>&1 || fail "$(cat "$scratch/out")"
"$root/usr/bin/counterspin" info a.db > out || fail 'info of what was imported'
if man --version 2>&1 | grep -q '^man [0-9]'; then
	for page in counterspin counterspin-record counterspin-replay; do
		expect "$(MANPATH=$root/usr/share/man man -w $page)" "$root/usr/share/man/man1/$page.1.gz" 'man'
		MANPATH=$root/usr/share/man man $page > out 2> said && grep -q '^NAME' out || fail "man $page: $(cat said)"
	done
fi
(. "$root/usr/share/bash-completion/completions/counterspin" && complete -p counterspin > out) || fail 'completion'
[ ! -e $enabled ] || fail 'the timer is enabled though nobody has asked for it'

# what somebody enabled is off while the package is not there, on when it is back, gone when purged
DPKG_ROOT=$root DPKG_MAINTSCRIPT_PACKAGE=counterspin "${as_root[@]}" deb-systemd-helper enable counterspin-record.timer > "$scratch/out"
[ -L $enabled ] || fail 'it cannot be enabled'
in_root -i "$package"
[ -L $enabled ] || fail 'an upgrade forgets what is enabled'
mkdir -p root/var/lib/counterspin
touch root/var/lib/counterspin/old.dat
in_root -r counterspin
[ ! -e root/usr/bin/counterspin ] || fail 'it is removed, and still there'
[ -e root/var/lib/counterspin/old.dat ] || fail 'recordings went with the package'
in_root -i "$package"
expect "$(readlink root/etc/systemd/system/counterspin-record.timer || true)" '' 'it stays masked'
[ -L $enabled ] || fail 'a new installation forgets what was enabled'
in_root -P counterspin
expect "$(left)" '' 'what is left'
[ ! -e root/var/lib/counterspin ] && [ ! -e root/usr/share ] || fail "directories are left: $(find root -type d)"
