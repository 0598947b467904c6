#!/bin/sh
# Makes this machine ready for `make demo` or `make test`. Says what it will install before it does.
#
#   install.sh demo|test             look, say, install what is missing
#   install.sh demo|test --dry-run   look and say; change nothing
#
# System packages come from the machine's own apt (as root, or through sudo). restic comes from Debian 13, because
# Debian 12's is too old: unpacked into .tools, so the system never hears of it. Python packages go into .venv, in
# the versions and with the hashes of the lock files. A second run finds everything in place and installs nothing.
#
# Exit codes: 0 everything is there, 2 wrong usage, 3 something is missing and can't be installed from here.
set -eu

RESTIC_MINIMUM=0.17.1       # exit codes 10, 11 and 12; the same as in albus_dr/tools/inventory.py
RESTIC_SUITE=trixie         # Debian 13: the first release that carries one new enough
POSTGRES_PROGRAMS='initdb pg_ctl pg_basebackup pg_controldata pg_dump pg_restore pg_rewind psql'
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
NOT_READY=3

say() { printf '%s\n' "$*" >&2; }
fail() { say "$1"; shift; for line; do say "  $line"; done; exit $NOT_READY; }
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# ---------------------------------------------------------------------------------------------- what is there

python() { # a Python that can make the environment; never the environment's own, which may be in PATH
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        "$name" -c 'import ensurepip, sys, venv
if sys.version_info < (3, 11): sys.exit(1)
print("%s/bin/python%d.%d" % (sys.base_prefix, *sys.version_info[:2]))' 2>/dev/null && return
    done
    return 1
}

has_postgres() { # every program, in PATH or together in a directory that packages use
    for directory in '' /usr/lib/postgresql/*/bin/ /usr/pgsql-*/bin/ /opt/homebrew/opt/postgresql@*/bin/; do
        for program in $POSTGRES_PROGRAMS; do
            have "$directory$program" || continue 2
        done
        return 0
    done
    return 1
}

has_restic() { # has_restic [PROGRAM]: there, and new enough
    version=$("${1:-restic}" version 2>/dev/null | sed -n 's/^restic \([0-9.]*\).*/\1/p')
    [ -n "$version" ] && printf '%s\n' "$RESTIC_MINIMUM" "$version" | sort -t. -k1,1n -k2,2n -k3,3n -C
}

has_libatomic() {
    for file in /usr/lib/*/libatomic.so.1 /usr/lib64/libatomic.so.1; do [ -e "$file" ] && return; done
    return 1
}

look() { # look demo|test: sets `missing` to the tools that this machine lacks
    missing=
    python >/dev/null || missing="$missing python"
    has_postgres || missing="$missing postgresql"
    have haproxy || missing="$missing haproxy"
    have ssh || missing="$missing ssh"
    have curl || missing="$missing curl"
    have ip || [ "$(uname -s)" != Linux ] || missing="$missing ip"
    have setpriv || [ "$(uname -s)" != Linux ] || missing="$missing setpriv"
    [ -e /etc/ssl/certs/ca-certificates.crt ] || ! have apt-get || missing="$missing certificates"
    has_restic || missing="$missing restic"
    [ "$1" = demo ] || have shellcheck || missing="$missing shellcheck"
    [ "$1" = demo ] || have chromium || missing="$missing chromium"
    [ "$1" = demo ] || has_libatomic || [ "$(uname -s)" != Linux ] || missing="$missing libatomic"
    [ "$1" = demo ] || have etcd || missing="$missing etcd"
    [ "$1" = demo ] || have faketime || missing="$missing faketime"
    [ "$1" = demo ] || have sshd || [ -x /usr/sbin/sshd ] || missing="$missing sshd"
    [ "$1" = demo ] || have crontab || missing="$missing cron"
    [ "$1" = demo ] || have socat || missing="$missing socat"
    [ "$1" = demo ] || have systemd-analyze || [ "$(uname -s)" != Linux ] || missing="$missing systemd"
}

# ------------------------------------------------------------------------------------------ how to get what is not

packages_of() { # packages_of apt|dnf|brew TOOL
    case $1:$2 in
    apt:python) echo python3 python3-venv ;;
    apt:ssh) echo openssh-client ;;
    apt:sshd | dnf:sshd) echo openssh-server ;;
    apt:etcd) echo etcd-server ;;
    apt:libatomic) echo libatomic1 ;;
    apt:ip) echo iproute2 ;;
    dnf:ip) echo iproute ;;
    brew:faketime) echo libfaketime ;;
    apt:setpriv | dnf:setpriv) echo util-linux ;;
    apt:certificates) echo ca-certificates ;;
    dnf:python) echo python3.12 ;;
    dnf:postgresql) echo postgresql-server postgresql-contrib ;;
    dnf:cron) echo cronie ;;
    dnf:ssh) echo openssh-clients ;;
    dnf:faketime) echo libfaketime ;;
    dnf:shellcheck) echo ShellCheck ;;
    brew:python) echo python@3.12 ;;
    brew:postgresql) echo postgresql@16 ;;
    brew:ssh | brew:sshd) echo openssh ;;
    *) echo "$2" ;;
    esac
}

described() { # described TOOL: what it is, for people
    case $1 in
    python) echo 'Python 3.11 or newer, with venv' ;;
    postgresql) echo 'PostgreSQL programs' ;;
    haproxy) echo 'HAProxy' ;;
    ssh) echo 'OpenSSH client' ;;
    sshd) echo 'OpenSSH server' ;;
    setpriv) echo 'setpriv' ;;
    etcd) echo 'etcd, a witness of the tests' ;;
    chromium) echo 'Chromium, for tests of the report' ;;
    libatomic) echo 'libatomic, for what drives Chromium' ;;
    ip) echo 'ip, for networks that nothing leaves' ;;
    faketime) echo 'libfaketime, for wrong clocks' ;;
    certificates) echo 'certificate authorities' ;;
    restic) echo "restic $RESTIC_MINIMUM or newer" ;;
    *) echo "$1" ;;
    esac
}

# shellcheck source=/dev/null
is_debian() { have apt-get && [ "$(. /etc/os-release && echo "$ID")" = debian ]; }

manager() {
    for name in apt-get dnf brew; do
        if have $name; then echo ${name%-get}; return; fi
    done
    echo none
}

split_missing() { # sets `packages` (for apt) and `restic_aside` (yes: from Debian 13 into .tools)
    packages=
    restic_aside=no
    for tool in $missing; do
        if [ "$tool" = restic ] && is_debian; then restic_aside=yes; continue; fi
        packages="$packages $(packages_of apt "$tool")"
    done
}

say_missing() { # on stderr: each missing tool with where it will come from or how to get it
    for tool in $missing; do
        case $tool:$1 in
        restic:apt)
            if [ $restic_aside = yes ]
            then from="from Debian 13 ($RESTIC_SUITE), unpacked into .tools; the system is not touched"
            else from='package restic'; fi ;;
        postgresql:apt) from="package postgresql; no server is created or started" ;;
        haproxy:apt) from="package haproxy; not started" ;;
        sshd:apt) from="package openssh-server; not started" ;;
        cron:apt) from="package cron; not started" ;;
        etcd:apt) from="package etcd-server; not started" ;;
        *:none) from='install it, then run this again' ;;
        *) from="package $(packages_of "$1" "$tool")" ;;
        esac
        say "  $(printf '%-34s' "$(described "$tool")") $from"
    done
}

# --------------------------------------------------------------------------------------------- system packages

quietly() { # quietly COMMAND...: its output is shown only when it fails
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then rm -f "$log"; return 0; fi
    cat "$log" >&2
    rm -f "$log"
    return 1
}

install_packages() { # as root. Leaves no service running that it brought
    started_before=$(have haproxy && echo yes || echo no)
    cron_before=$(have crontab && echo yes || echo no)
    etcd_before=$(have etcd && echo yes || echo no)
    sshd_before=$([ -x /usr/sbin/sshd ] && echo yes || echo no)
    if ! [ -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        printf '%s\n' '# Written by albus-dr before PostgreSQL was installed: its package creates no server of its own.' \
            'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    fi
    if ! [ -e /usr/sbin/policy-rc.d ]; then # asked by every package before it starts a service; 101 is "no"
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        trap 'exit 130' INT TERM
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod 755 /usr/sbin/policy-rc.d
    fi
    export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
    quietly apt-get -q update || say 'apt-get update had problems; trying with the package lists that are here'
    quietly apt-get -q install -y --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" ||
        fail 'apt-get could not install the packages; its own words are above.'
    if [ "$started_before" = no ] && have haproxy; then
        quietly update-rc.d haproxy disable || say 'haproxy will start with the machine (update-rc.d could not turn it off)'
    fi
    if [ "$cron_before" = no ] && have crontab; then
        quietly update-rc.d cron disable || say 'cron will start with the machine (update-rc.d could not turn it off)'
    fi
    if [ "$etcd_before" = no ] && have etcd; then
        quietly update-rc.d etcd disable || say 'etcd will start with the machine (update-rc.d could not turn it off)'
    fi
    if [ "$sshd_before" = no ] && [ -x /usr/sbin/sshd ]; then
        quietly update-rc.d ssh disable || say 'sshd will start with the machine (update-rc.d could not turn it off)'
    fi
}

may_become_root() { # asks for sudo's password only where somebody can type it
    is_root || { have sudo && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; }
}

as_root() { if is_root; then "$@"; else sudo -- "$@"; fi; }

# ---------------------------------------------------------------------------------------------------- restic

debian_mirrors() { # the addresses in this machine's own apt sources, in whatever format these are written
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
    apt-get --print-uris update | sed -nE "s#^'(.*)/dists/($codename|stable|oldstable)/InRelease' .*#\1#p"
}

fetch_restic() { # fetch_restic MIRROR FOLDER: the package from Debian 13, through an apt that has nothing of the system's
    rm -rf "$2"
    mkdir -p "$2/lists/partial" "$2/cache/archives/partial"
    : >"$2/status"
    printf 'deb [signed-by=%s] %s %s main\n' "$KEYRING" "$1" "$RESTIC_SUITE" >"$2/sources.list"
    set -- "$2" -q -o Dir::Etc::SourceList="$2/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State="$2" -o Dir::State::Lists="$2/lists" -o Dir::State::status="$2/status" \
        -o Dir::Cache="$2/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root
    (cd "$1" && shift && quietly apt-get "$@" update && quietly apt-get "$@" download restic)
}

install_restic() { # into .tools
    how="Get restic $RESTIC_MINIMUM or newer yourself, put it into PATH, and run this again."
    aside=$(mktemp -d)
    trap 'rm -rf "$aside"' EXIT
    trap 'exit 130' INT TERM
    for mirror in $(debian_mirrors); do
        if fetch_restic "$mirror" "$aside/apt"; then break; fi
    done
    set -- "$aside"/apt/restic_*.deb
    [ -e "$1" ] || fail "restic could not be had from the suite $RESTIC_SUITE on a mirror in this machine's apt sources." "$how"
    rm -rf "$top/.tools"
    mkdir "$top/.tools"
    dpkg-deb -x "$1" "$top/.tools"
    rm -rf "$aside"
    trap - EXIT INT TERM
    has_restic "$top/.tools/usr/bin/restic" || fail "restic from $RESTIC_SUITE does not run here." "$how"
}

# ---------------------------------------------------------------------------------------------- Python packages

stamp_of() { # changes with whatever decides what is in the environment, with its Python and with its place
    printf '%s\n' "$top"
    readlink -f "$top/.venv/bin/python"
    cat "$top/pyproject.toml" "$top/$(lock_of "$1")" "$top/albus_dr/bench/install.sh" | cksum
}

lock_of() { if [ "$1" = demo ]; then echo requirements.lock; else echo requirements-dev.lock; fi; }

is_stamped() { [ -x "$top/.venv/bin/python" ] && [ "$(stamp_of "$1")" = "$(cat "$top/.venv/installed-$1" 2>/dev/null)" ]; }

pip() { PIP_DISABLE_PIP_VERSION_CHECK=1 "$top/.venv/bin/python" -m pip --quiet --no-input "$@"; }

install_python() { # requirements-dev.lock holds all of requirements.lock, so `test` does for `demo` as well
    is_stamped demo || "$(python)" -m venv --clear "$top/.venv"
    pip install --require-hashes -r "$top/$(lock_of "$1")" ||
        fail 'pip could not install the Python packages; its own words are above.'
    pip install --no-deps --no-build-isolation --editable "$top" || fail 'albus-dr itself could not be installed.'
    stamp_of demo >"$top/.venv/installed-demo"
    [ "$1" = demo ] || stamp_of test >"$top/.venv/installed-test"
}

# ------------------------------------------------------------------------------------------------------- main

usage() { say 'usage: install.sh demo|test [--dry-run]'; exit 2; }

main() {
    top=$(cd "$(dirname "$0")/../.." && pwd)
    PATH="$top/.tools/usr/bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin"
    export PATH
    if [ "${1:-}" = packages ]; then # the part that runs as root, called below
        shift
        install_packages "$@"
        return
    fi
    what=${1:-}
    case "$*" in demo | test | 'demo --dry-run' | 'test --dry-run') ;; *) usage ;; esac

    look "$what"
    split_missing
    if [ -z "$missing" ] && is_stamped "$what"; then return; fi
    say 'Missing here, and where it comes from:'
    say_missing "$(manager)"
    is_stamped "$what" || say "  $(printf '%-34s' 'Python packages') $(grep -c '^[a-z].*==' "$top/$(lock_of "$what")") into .venv, from $(lock_of "$what"), hashes checked"
    [ -z "${2:-}" ] || return 0

    [ -z "$missing" ] || have apt-get || fail 'There is no apt here: install these first, then run this again.'
    if [ -n "$packages" ]; then
        may_become_root || fail 'This takes root, and you are not root and may not use sudo. Ask somebody who is to run:' \
            "apt-get install --no-install-recommends$packages"
        say 'Installing system packages…'
        # shellcheck disable=SC2086 # a list of names
        as_root sh "$top/albus_dr/bench/install.sh" packages $packages
    fi
    if [ $restic_aside = yes ]; then
        say 'Installing restic…'
        install_restic
    fi
    look "$what"
    if [ -n "$missing" ]; then
        say 'Still missing; this system does not carry them, or only too old ones:'
        say_missing none
        exit $NOT_READY
    fi
    if ! is_stamped "$what"; then
        say 'Installing Python packages…'
        install_python "$what"
    fi
    [ ! -x "$top/.tools/usr/bin/restic" ] || ln -sf ../../.tools/usr/bin/restic "$top/.venv/bin/restic"
    say 'Ready.'
}

main "$@"
