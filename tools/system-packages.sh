#!/usr/bin/env bash
# Installs what the browser tests (Chromium), the SMTP tests and benches (Postfix's smtp-sink and smtp-source) and the
# SMPP tests (node and npm, which fetch tools/peers) need from Debian, where it is missing and this user may install it.
# With CI=true a missing part is a failure.
set -u
missing=()
command -v chromium >/dev/null 2>&1 || missing+=(chromium fonts-dejavu-core)
{ command -v smtp-sink || [ -x /usr/sbin/smtp-sink ]; } >/dev/null 2>&1 || missing+=(postfix)
{ command -v node && command -v npm; } >/dev/null 2>&1 || missing+=(nodejs npm)
[ ${#missing[@]} -eq 0 ] && exit 0
if command -v apt-get >/dev/null 2>&1; then
  as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
  if "${as_root[@]}" true 2>/dev/null; then
    echo "Installing from Debian: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    if "${as_root[@]}" apt-get update -qq && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; then
      exit 0
    fi
  fi
fi
echo "Missing and not installed: ${missing[*]}. The tests that need them are skipped; with CI=true they fail."
[ "${CI:-}" != "true" ]
