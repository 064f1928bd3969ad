#!/usr/bin/env bash
# prepare.sh KIND... - sees to it that this machine has the Debian packages of the kinds named
# (see debian-packages).  Installs what is missing as root, or by sudo without a password; else says
# what to type.  Takes milliseconds where nothing is missing.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
missing=()
for kind in "$@"; do
	while read -r of name; do
		[ "$of" = "$kind" ] || continue
		[ -e "/var/lib/dpkg/info/$name.list" ] || compgen -G "/var/lib/dpkg/info/$name:*.list" >/dev/null \
			|| missing+=("$name")
	done <"$here/debian-packages"
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "Fettle builds on Debian 12; this system has no apt-get. It needs: ${missing[*]}" >&2
	exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! sudo -n true 2>/dev/null; then
		echo "Some packages are missing and only root can install them. Type this, then try again:" >&2
		echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
		exit 1
	fi
	as_root=(sudo -n)
fi
echo "installing ${#missing[@]} missing packages: ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
		"${missing[@]}" >"$log" 2>&1
}
# The package lists may be old or missing: fetched only when they have to be.
if ! install; then
	"${as_root[@]}" apt-get update >"$log" 2>&1 && install || {
		tail -20 "$log" >&2
		echo "could not install them; see above" >&2
		exit 1
	}
fi
