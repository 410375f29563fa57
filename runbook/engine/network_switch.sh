# Replaces this host's network configuration, and takes the old one back by itself unless the new one proves itself.
#
#   arm      measure what holds, keep the old files, arm the ways back (a timer; the next start), then have `go` run
#   go       put the new files in force, and see that all holds that held before; if not, take the old ones back
#   back     take the old files back: what the timer runs
#   boot     the same when the machine starts anew, before its network does
#   confirm  keep the new files for good; status 3, with the reasons, when the old ones were taken back
#
# In front of this stands what is to be done: `manager`, `files` (a line each: mode or -, and path), `links`, `made`,
# `unmade`, `up`, `up_before`, `gives_up` (family and link), `wants`, `is_back`, `revert_s` and `settle_s`. The new content of
# the file in line N is new/N, its old one old/N; where there is none, the file is not to be, or was not, there.
set -u
umask 022
export LC_ALL=C PATH="${PATH:+$PATH:}/usr/sbin:/usr/bin:/sbin:/bin"
at= # what stands in front of the paths of the files
keep=/var/lib/xen-runbook/network
run=/run/xen-runbook-network
unit=xen-runbook-network-back.service
units=/etc/systemd/system
revert=xen-runbook-network-revert go=xen-runbook-network-switch
boot_id=/proc/sys/kernel/random/boot_id
sysctl=/usr/lib/systemd/systemd-sysctl

each() { # COMMAND: called with number, mode and path of each file
    n=0
    while read -r mode path; do
        n=$((n + 1))
        "$1" "$n" "$mode" "$at$path" || return 1
    done <<EOF
$files
EOF
}

# ---------------------------------------------------------------------------------------- files

# A link to a file stays a link, and what it leads to is replaced; any other link is replaced itself.
place() { if [ -f "$keep/new/$1" ] && [ -L "$2" ] && [ -f "$2" ]; then readlink -f -- "$2"; else echo "$2"; fi; }

keep_old() { # N MODE PATH
    file=$(place "$1" "$3")
    [ ! -e "$file" ] && [ ! -L "$file" ] || cp -a -- "$file" "$keep/old/$1"
}

move() { # FROM TO MODE, - for that of the file that is there
    dir=$(dirname -- "$2")
    mkdir -p -- "$dir" && part=$(mktemp "$dir/.runbook.XXXXXX.tmp") || return 1
    if [ "$3" = = ]; then
        rm -f -- "$part" && cp -a -- "$1" "$part"
    else
        cat -- "$1" >"$part" && if [ -f "$2" ]; then
            chown --reference="$2" -- "$part" && chmod --reference="$2" -- "$part"
        else chmod 0644 -- "$part"; fi && { [ "$3" = - ] || chmod "$3" -- "$part"; }
    fi && { [ -L "$part" ] || sync "$part"; } && mv -fT -- "$part" "$2" && sync "$dir" && return 0
    rm -f -- "$part"
    return 1
}

remove() { # PATH; a folder that only held additions to one unit goes with the last of them
    rm -f -- "$1" || return 1
    dir=$(dirname -- "$1")
    case $dir in *.network.d | *.netdev.d | *.link.d) rmdir -- "$dir" 2>/dev/null ;; esac
    [ ! -d "$dir" ] || sync "$dir"
}

put_new() { if [ -f "$keep/new/$1" ]; then move "$keep/new/$1" "$(place "$1" "$3")" "$2"; else remove "$3"; fi; }

# A machine that went down while a file was written has a part of it beside where it was to be.
put_old() { # N MODE PATH; all are tried, whatever becomes of one
    file=$(place "$1" "$3")
    rm -f -- "$(dirname -- "$file")"/.runbook.??????.tmp
    if [ -e "$keep/old/$1" ] || [ -L "$keep/old/$1" ]; then move "$keep/old/$1" "$file" =; else remove "$file"; fi ||
        say "$3 could not be put back"
}

say() { echo "$*" | tee -a "$run/why"; } # in the journal too

# ------------------------------------------------------------------------------------- managers

# What a manager does before its files are replaced, and how it takes new ones into force. On the way back the same
# is done with the other links and profiles.
leave() {
    [ "$manager" = ifupdown ] || { hear_again; return 0; }
    ports=$(ip -o link show type bridge_slave | sed 's/^[0-9]*: \([^:@]*\).*/\1/')
    ifdown --force -a --exclude=lo || :
    for port in $ports; do no_port "$port"; done
}

# bridge-utils has a port make no IPv6 address of the link's own, and leaves it so: as a card it would ask no router
# and take no lease until the next start. What it took out itself is down; a guest's end of a bridge is not.
no_port() {
    [ -n "$(ip link show dev "$1" up 2>/dev/null)" ] || [ ! -e "/proc/sys/net/ipv6/conf/$1" ] ||
        cat /proc/sys/net/ipv6/conf/default/addr_gen_mode >"/proc/sys/net/ipv6/conf/$1/addr_gen_mode"
}

# NetworkManager has a port listen to no router, and leaves it so: as a card whose IPv6 it ignores, which is then the kernel's
# affair, it would hear none until the next start. The bridge listens as its card did, unless a person said otherwise.
# Not with ifupdown, which leaves ports alone and makes a bridge with a fixed IPv6 address deaf.
hear_again() {
    for bridge in $made $unmade; do
        [ -e "/proc/sys/net/ipv6/conf/$bridge/accept_ra" ] || continue
        for port in $(ip -o link show master "$bridge" 2>/dev/null | sed 's/^[0-9]*: \([^:@]*\).*/\1/'); do
            cat "/proc/sys/net/ipv6/conf/$bridge/accept_ra" >"/proc/sys/net/ipv6/conf/$port/accept_ra"
            [ ! -x "$sysctl" ] || "$sysctl" "--prefix=/net/ipv6/conf/$port" || :
        done
    done
}

is_there() { ip link show dev "$1" >/dev/null 2>&1; }

# Links that no file asks for any more, when the manager knows that: systemd-networkd (257) does not survive the loss
# of a bridge whose card it still wants in it, and makes it again when it starts.
without() {
    for link in $1; do ! is_there "$link" || ip link delete dev "$link" || return 1; done
}

enter() { # LINKS TO BE GONE, PROFILES TO BE UP
    put_in_force "$2" && without "$1"
}

put_in_force() { # PROFILES
    case $manager in
    ifupdown) systemctl restart networking ;;
    netplan) netplan apply ;;
    networkd)
        networkctl reload || return 1
        there=
        for link in $links; do ! is_there "$link" || there="$there $link"; done
        [ -z "$there" ] || networkctl reconfigure $there
        ;;
    network-manager)
        nmcli general reload conf && nmcli connection reload || return 1
        made_again=
        for profile in $1; do bring_up "$profile" 1 || return 1; done
        ;;
    esac
}

# A profile that NetworkManager made up for a card without one comes again when it starts, by another name perhaps:
# there stands the card's name. And then a card takes some seconds until it can be brought up.
bring_up() { # PROFILE OR CARD, TRIES
    case $1 in
    *-*-*-*-*)
        i=$2
        until nmcli --wait 60 connection up uuid "$1"; do
            i=$((i - 1))
            [ $i -gt 0 ] || return 1
            sleep 2
        done
        ;;
    *) [ -n "$made_again" ] || { sleep 1 && systemctl restart NetworkManager && made_again=yes; } ;;
    esac
}

enter_old() {
    enter "$made" "" || return 1
    [ "$manager" = network-manager ] || return 0
    sleep 1
    systemctl restart NetworkManager && made_again=yes
    for profile in $up_before; do bring_up "$profile" 10 || return 1; done
}

# What reads the files before a unit of ours can be started has read the new ones: it reads again.
reread() { [ "$manager" != netplan ] || netplan generate; }

# Files that their own program refuses are not even tried.
try_new() {
    case $manager in netplan) ;; *) return 0 ;; esac
    trial=$(mktemp -d) || return 1
    for dir in etc usr/lib run; do
        [ ! -d "/$dir/netplan" ] || { mkdir -p "$trial/$dir" && cp -a -- "/$dir/netplan" "$trial/$dir/"; }
    done
    (at=$trial && each put_new) && netplan generate --root-dir "$trial"
    status=$?
    rm -rf -- "$trial"
    return $status
}

# -------------------------------------------------------------------------------------- measure

# Lines of words: kind, family, link, value. A temporary or a tentative address is none that anything counts on.
addresses() { # leased ones are known by their lifetime, or as made from what a router announced; not those of a MAC
    ip -o address show scope global | awk -v is_back="$is_back" '
        / (tentative|dadfailed|deprecated|temporary)( |$)/ { next }
        $3 == "inet" || $3 == "inet6" {
            is_leased = / (dynamic|mngtmpaddr|kernel_ra)( |$)/
            if (is_back && is_leased && $3 == "inet6") next
            sub(/@.*/, "", $2); address = $4
            if (address !~ /\//) address = address ($3 == "inet" ? "/32" : "/128")
            print (is_leased && $4 !~ /ff:fe[^:]*:[^:]*\// ? "leased" : "address"), $3, $2, address
        }'
}

# DESTINATION [via GATEWAY] [table NUMBER]. `idle` is one over a link without a cable, and one that a router announced
# before ifupdown told the link not to listen to routers: nothing renews that. On the way back no router is waited for, and
# where routers gave a link all that it has, one that does not expire is theirs too.
routes() {
    deaf= heard=
    [ -z "$is_back" ] || heard=$(ip -o -6 address show scope global | awk '
        { sub(/@.*/, "", $2); if (/ (dynamic|mngtmpaddr|kernel_ra)( |$)/) some[$2]; else own[$2] }
        END { for (link in some) if (!(link in own)) printf "%s ", link }')
    [ "$manager" != ifupdown ] || deaf=$(grep -l '^0' /proc/sys/net/ipv6/conf/*/accept_ra 2>/dev/null | cut -d / -f 7 | tr '\n' ' ')
    for family in inet inet6; do
        ip -o -f "$family" route show table all | awk -v family="$family" -v deaf=" $deaf" -v heard=" $heard" -v is_back="$is_back" '
            function out() {
                if (expires && (is_back || index(deaf, " " dev " "))) down = 1
                if (is_own && index(heard, " " dev " ")) down = 1
                if (dev != "")
                    print (down ? "idle" : "route"), family, dev, dst (via == "" ? "" : " via " via) (table == "" ? "" : " table " table)
            }
            $1 ~ /^(local|broadcast|multicast|anycast|unreachable|blackhole|prohibit|throw|nat|fe80::.*|ff00::.*)$/ { next }
            / table local( |$)/ { next }
            { dst = $1 == "unicast" ? $2 : $1; dev = via = table = ""; down = 0; expires = / expires / }
            { is_own = family == "inet6" && / proto kernel( |$)/ }
            # The route to an address of its own comes and goes with it.
            family == "inet6" && dst != "default" && dst !~ /\// && / proto kernel( |$)/ { next }
            {
                for (i = 2; i <= NF; i++) {
                    if ($i == "table") table = $(i + 1)
                    if ($i == "nexthop") { out(); dev = via = ""; down = 0 }
                    if ($i == "via") { via = $(i + 1); if (via ~ /^inet6?$/) via = $(i + 2) }
                    if ($i == "dev") dev = $(i + 1)
                    if ($i == "linkdown" || $i == "dead") down = 1
                }
                out()
            }'
    done
}

answers() { # ADDRESS LINK: whether it says its hardware address when it is asked now
    ip neigh del "$1" dev "$2" 2>/dev/null
    ip neigh replace "$1" dev "$2" use 2>/dev/null || return 1
    for i in 1 2 3 4 5 6 7 8 9 10; do
        case $(ip neigh show to "$1" dev "$2") in *REACHABLE* | *PERMANENT* | *NOARP*) return 0 ;; esac
        sleep 0.1
    done
    return 1
}

gateways() { # FILE of what was measured
    sed -n 's/^route \([^ ]*\) \([^ ]*\) default via \([^ ]*\)$/\1 \2 \3/p' "$1" | sort -u |
        while read -r family link gateway; do
            if answers "$gateway" "$link"; then echo "gateway $family $link $gateway"; fi
        done
}

# Names that this host asks for anyway, those of its package sources, but for what /etc/hosts tells.
names() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        sed -n '/^[[:space:]]*#/d; s|.*[a-z]://\([^/@ ]*@\)\{0,1\}\([A-Za-z0-9.-]*[A-Za-z]\)\([:/ ].*\)\{0,1\}$|\2|p' |
        sort -u | while read -r name; do
        awk -v name="$name" '{ for (i = 2; i <= NF; i++) if ($i == name) exit 1 }' /etc/hosts && echo "$name"
    done | head -n 3
}

resolved() { # NAMES; one line, for the first that is answered
    for name in $1; do
        if timeout 5 getent ahosts "$name" >/dev/null 2>&1; then echo "name - - $name" && return; fi
    done
}

# The other end of the ssh session and our own, when its connection is open. ss(8) wants brackets around IPv6, and no link.
session() {
    set -- ${SSH_CONNECTION:-}
    [ $# = 4 ] || return 0
    case $3 in *:*) far="[${1%%%*}]" own="[${3%%%*}]" ;; *) far=$1 own=$3 ;; esac
    if [ -n "$(ss -Htn state established src "$own" dst "$far" 2>/dev/null)" ]; then echo "$1 ${3%%%*}"; fi
}

# One line when our own address is here, and the first step of the way to the other end answers. By IPv6 the own one may
# be made of the link's name, and another on a bridge: one that is fixed has to be there anyway.
peer() { # PEER OWN
    [ $# = 2 ] || return 0
    far=$1
    case $far in
    fe80:*) link_local; return ;;
    *:*) ;;
    *) ip -o address | grep -qF " $2/" || return 0 ;;
    esac
    set -- $(ip -o route get "${1%%%*}" 2>/dev/null | sed -n 's/.* via \([^ ]*\) dev \([^ ]*\) .*/\2 \1/p; t; s/^\([^ ]*\) \(from [^ ]* \)\{0,1\}dev \([^ ]*\) .*/\3 \1/p; t; s/^local .*/lo/p')
    case ${1:-} in '') return ;; lo) ;; *) answers "$2" "$1" || ! ip link show dev "$1" | grep -q link/ether || return 0 ;; esac
    echo "session - $1 $far"
}

# The same between link-local addresses. A bridge may have another one than its port had, which nobody writes down: a new
# connection finds it by the host's name, or does not.
link_local() {
    for link in $(ip -o -6 address show scope link | awk '{ print $2 }' | sort -u); do
        ! answers "${far%%%*}" "$link" || { echo "session - $link $far" && return; }
    done
}

slow() { # FILE of what was measured: what takes an answer from elsewhere
    gateways "$1"
    peer $(cat "$run/session")
    resolved "$(cat "$run/names")"
}

# What has to hold, a line each, without the links. What changes on purpose is left out, what is asked for is in.
demands() {
    awk -v gives_up="$gives_up" -v wants="$wants" -v made="$made" -v own="$(cut -d ' ' -f 2 "$run/session")" '
        BEGIN {
            n = split(gives_up, g, "\n"); for (i = 1; i <= n; i++) given[g[i]]
            n = split(wants, w, "\n")
            for (i = 1; i <= n; i++) {
                print w[i]
                split(w[i], f, " "); if (f[1] == "route") way[f[2]]
            }
            n = split(made, m, " "); for (i = 1; i <= n; i++) print "link", m[i]
        }
        $1 == "idle" { next }
        ($2 " " $3) in given {
            if (own != "" && index($4, own "/") == 1) is_moved = 1
            next
        }
        $1 == "session" { session = "session " $4; next }
        $1 == "leased" { print "some", $2; next }
        $1 == "gateway" { answered[$2]; next }
        $1 == "route" && $4 == "default" { way[$2] }
        { $3 = ""; gsub(/ +/, " "); print }
        END {
            if (session != "" && !is_moved) print session
            for (family in answered) if (family in way) print "gateway", family
        }' "$keep/had" | sort -u
}

claims() { # FILE of what was measured, in the words of `demands`
    awk '
        $1 == "idle" { $1 = "route" }
        $1 == "leased" || $1 == "address" { print "some", $2; print "some", $2, $3; $1 = "address" }
        $1 == "gateway" { print $1, $2; next }
        $1 == "session" { print $1, $4; next }
        { $3 = ""; gsub(/ +/, " "); print }' "$1"
    for link in $made; do ! is_there "$link" || echo "link $link"; done
}

missing() { claims "$1" | grep -vxFf - "$run/demands"; }

# Whether a manager that works in the background is done: until it begins, all is as it was, and proves nothing.
is_settled() {
    [ "$manager" != ifupdown ] || return 0
    [ $(($(uptime_s) - began)) -ge 3 ] || return 1
    case $manager in networkd | netplan) ;; *) return 0 ;; esac
    [ $(($(uptime_s) - began)) -lt 20 ] && networkctl --no-legend --no-pager list $links $made 2>/dev/null |
        grep -qE ' (pending|initialized|configuring) *$' || return 0
    return 1
}

# Measures until nothing is missing: first what the kernel knows, then what takes an answer.
holds() {
    began=$(uptime_s)
    while :; do
        { addresses && routes; } >"$run/has"
        if is_settled && ! missing "$run/has" | grep -vqE '^(gateway|session|name) '; then
            slow "$run/has" >>"$run/has"
            missing "$run/has" >/dev/null || return 0
            is_whole=yes
        else
            is_whole=
        fi
        [ $(($(uptime_s) - began)) -lt "$settle_s" ] || break
        sleep 0.2
    done
    [ -n "$is_whole" ] || slow "$run/has" >>"$run/has"
    return 1
}

uptime_s() { cut -d . -f 1 /proc/uptime; }

# What is missing in words, with what the host had and has.
lost() {
    missing "$run/has" | sed '
        s/^address [^ ]* \(.*\)/the address \1 is missing/
        s/^route inet6 default/the IPv6 route default/; s/^route [^ ]* \(.*\)/the route \1 is missing/; s/^the IPv6 route.*/& is missing/
        s/^some inet\(6\{0,1\}\) \(.*\)/\2 has no IPv\1 address/; s/^some inet\(6\{0,1\}\)$/there is no IPv\1 address/; s/IPv /IPv4 /
        s/^gateway inet\(6\{0,1\}\)$/no IPv\1 gateway answers/; s/IPv /IPv4 /
        s/^session \(.*\)/the way to \1, where this session comes from, is missing/
        s/^name - \(.*\)/no server answers for the name \1/
        s/^link \(.*\)/\1 was not made/'
    echo "measured before: $(figures "$keep/had")"
    echo "measured afterwards: $(figures "$run/has")"
}

figures() { # FILE of what was measured
    awk '
        $1 == "leased" { $1 = "address" }
        $1 == "name" || $1 == "session" { printf "%s%s %s", (n++ ? ", " : ""), $1, $4; next }
        {
            kind = $1; link = $3; $1 = $2 = $3 = ""; sub(/^ +/, "")
            printf "%s%s %s on %s", (n++ ? ", " : ""), kind, $0, link
        }
        END { if (!n) printf "no address and no route" }' "$1"
}

# ------------------------------------------------------------------------------------- the ways

later() { # UNIT SECONDS WAY
    systemd-run --quiet --collect --unit="$1" --on-active="$2" --timer-property=AccuracySec=100ms sh "$keep/switch" "$3"
}

# For a start in the middle of a switch. The condition is true from the moment when nothing is confirmed.
arm_boot() {
    mkdir -p "$units/sysinit.target.wants" && cat >"$units/$unit" <<EOF && ln -sfn "../$unit" "$units/sysinit.target.wants/$unit" && sync "$units/$unit" "$units" "$units/sysinit.target.wants"
[Unit]
Description=Put the network configuration back that was there before an unconfirmed one
DefaultDependencies=no
ConditionPathExists=/var/lib/xen-runbook/network/not-confirmed
RequiresMountsFor=/var/lib/xen-runbook /etc
After=local-fs.target systemd-udevd.service
Wants=network-pre.target
Before=network-pre.target networking.service systemd-networkd.service NetworkManager.service

[Service]
Type=oneshot
ExecStart=/bin/sh /var/lib/xen-runbook/network/switch boot
EOF
}

# From the first of these on nothing is to be taken back any more.
forget() {
    rm -f -- "$keep/not-confirmed" && sync "$keep"
    rm -f -- "$units/sysinit.target.wants/$unit" "$units/$unit"
    rm -rf -- "$keep"
}

locked() { exec 9>"$run/lock" && flock 9; }

arm() {
    rm -rf -- "$run" "$keep/old" && mkdir -p "$run" "$keep/old" && cp -- "$keep/switch" "$run/" || return 1
    names >"$run/names"
    session >"$run/session"
    { addresses && routes; } >"$keep/had" && slow "$keep/had" >>"$keep/had"
    sed -n 's/^name - - //p' "$keep/had" >"$run/names"
    demands >"$run/demands"
    echo "measured before: $(figures "$keep/had")"
    each keep_old && try_new && cp -- "$boot_id" "$keep/boot" && sync -f "$keep" && arm_boot &&
        echo "the old files are kept here until the new ones are confirmed" >"$keep/not-confirmed" &&
        sync "$keep/not-confirmed" "$keep" && later "$revert" "$revert_s" back && later "$go" 1 go && return 0
    stop "$revert.timer"
    forget
    return 1
}

stop() { systemctl --quiet stop "$@" 2>/dev/null; }

go() {
    : >"$keep/switched" && sync "$keep"
    leave
    if each put_new && enter "$unmade" "$up"; then
        resolvectl flush-caches 2>/dev/null
        if holds; then
            : >"$run/held"
            return 0
        fi
        lost >"$run/why"
    else
        echo "it could not be put in force" >"$run/why"
    fi
    take_back
    stop "$revert.timer"
}

# The same from the timer and from `go`: what one of them was cut off in the other begins anew.
take_back() {
    locked
    [ -e "$keep/not-confirmed" ] || return 0
    rm -f -- "$run/held"
    if [ -e "$keep/switched" ]; then
        leave
        each put_old
        enter_old || say "the old files are back, and could not be put in force"
    fi
    forget
    : >"$run/back"
}

case $1 in
arm) arm ;;
go) go ;;
back)
    mkdir -p "$run"
    stop "$go.timer" "$go.service"
    [ -s "$run/why" ] || echo "no new connection confirmed it" >"$run/why"
    take_back
    ;;
boot)
    # Whatever starts a service makes systemd start what is wanted first, and in the middle of a switch that is this.
    [ "$(cat "$boot_id")" != "$(cat "$keep/boot")" ] || exit 0
    mkdir -p "$run"
    each put_old
    reread
    forget
    ;;
confirm)
    locked
    if [ -e "$run/held" ] && [ -e "$keep/not-confirmed" ]; then
        forget
        stop "$revert.timer"
    else
        cat "$run/why"
        exit 3
    fi
    ;;
esac
