#!/bin/sh
# Fetch the exact versions of package-lock.json and build static/vendor again. Needs npm; nothing else does.
set -eu
cd "$(dirname "$0")"
npm ci --ignore-scripts --no-audit --no-fund
node build.mjs
