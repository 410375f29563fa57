#!/bin/sh
# Ends guests cleanly: each is asked as its system understands it, and waited for.
#
#   end-guests [-l SECONDS] [-k] NAME…     these guests, all at once
#   end-guests [-l SECONDS] [-k] --all     every guest, in the reverse of the order in which they start with the host
#   end-guests --host                      the same as the host goes down, which waits for nobody for ever
#
# A guest with Xen's drivers is asked by Xen, any other HVM guest by the power button of its ACPI (xl(1), shutdown -F).
# A system may pass over one press, so the button is pressed again while it runs. Who has not ended after SECONDS
# (XENDOMAINS_STOP_MAXWAIT of /etc/default/xendomains, else 300) runs on; with -k, and with --host, its plug is pulled.
# Every guest gets one line that says what became of it; --host keeps these lines in /var/lib/xen-runbook/guests-ended.
#
# Exit status: 0 all have ended, 1 one has not, or its plug was pulled, 2 xl does not answer, or the call is wrong.
set -u
export LC_ALL=C PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin"
at=${END_ROOT:-} # the tests put another root in front of every path
hold=${END_HOLD:-60} # how long the next in the order wait for one that does not end
again=${END_AGAIN:-30} # between two presses of the button
alone=${END_ALONE:-10} # how long Xen's own tools may take to remove a guest that has ended
gap=${END_GAP:-5} # xl pauses for 2 s between the end of a guest that restarts and its new beginning (xl_vmcontrol.c)
whole=${END_WHOLE:-1500} # --host ends within this time, whatever the limits: systemd gives a restart 30 minutes
kept=$at/var/lib/xen-runbook/guests-ended

say() { printf '%s\n' "$*"; }
now() { date +%s; }
fail() {
    printf 'end-guests: %s\n' "$1" >&2
    exit 2
}

# Number, state and name of every guest: a name may hold blanks, so it is what the columns leave over.
guests() {
    awk 'NR > 1 && $(NF - 4) != 0 { name = $0; sub(/ +[0-9]+ +[0-9]+ +[0-9]+ +[a-z-]+ +[0-9.]+ *$/, "", name)
         print $(NF - 4), $(NF - 1), name }' "$work/list"
}
listed() { xl list >"$work/list" 2>"$work/error"; }
state_of() { xl list "$1" 2>/dev/null | awk 'NR == 2 { print $(NF - 1) }'; }
numbered() { guests | while read -r id _ name; do if [ "$name" = "$1" ]; then say "$id"; fi; done; }

# The names of the configurations that start with the host, in that order.
started() {
    for file in "$at"/etc/xen/auto/*; do
        [ -f "$file" ] || continue
        sed -n "s/^[[:space:]]*name[[:space:]]*=[[:space:]]*[\"']\(.*\)[\"'].*/\1/p" "$file" | tail -n 1
    done
}

# Place, number and name of each guest: 0 for those that do not start with the host, then from the last that did.
placed() {
    started >"$work/started"
    guests | while read -r id _ name; do
        place=$(grep -nxF -e "$name" "$work/started" | head -n 1 | cut -d : -f 1)
        if [ -n "$place" ]; then place=$((1000 - place)); fi
        say "${place:-0}" "$id" "$name"
    done | sort -n
}

# One guest, in a process of its own: ask, look, press again, until it has ended or its time is over.
end_one() {
    id=$1 name=$2 began=$(now) asked=0 ended=0 gone=0
    while :; do
        at_once=$(now)
        state=$(state_of "$id")
        case $state in
            '' | *d*) # no more there, or dying; the name may be a new one's already, or in a moment
                next=$(xl domid "$name" 2>/dev/null) || next=
                if [ -n "$next" ] && [ "$next" != "$id" ]; then
                    say "$name: it restarted instead of ending, and is asked again"
                    id=$next asked=0 ended=0 gone=0
                    continue
                fi
                ;;
        esac
        case $state in
            '')
                if [ "$gone" = 0 ]; then gone=$at_once; fi
                if [ $((at_once - gone)) -ge "$gap" ]; then break; fi
                sleep 1
                continue
                ;;
            *c*)
                if [ "$kill" = 1 ]; then xl destroy "$id"; fi
                tell crashed "it had crashed; there is nothing left to end"
                return
                ;;
            *s*) # it has ended; whoever started it removes it, or is gone
                if [ "$ended" = 0 ]; then ended=$at_once; fi
                if [ $((at_once - ended)) -ge "$alone" ]; then xl destroy "$id"; fi
                ;;
        esac
        if [ $((at_once - began)) -ge "$limit" ] || [ "$at_once" -ge "$over" ]; then
            if [ "$kill" = 1 ]; then
                xl destroy "$id"
                tell cut "it did not end within $((at_once - began)) s, and its plug was pulled"
            else
                tell runs "it did not end within $((at_once - began)) s, and runs on"
            fi
            return
        fi
        if [ "$asked" = 0 ]; then
            case $state in *p*) xl unpause "$id" ;; esac
            timeout 90 xl shutdown -F "$id" >>"$work/said.$1" 2>&1 &
            asked=$at_once
        elif [ $((at_once - asked)) -ge "$again" ] && [ "$ended" = 0 ]; then
            xl trigger "$id" power >>"$work/said.$1" 2>&1 || true
            asked=$at_once
        fi
        sleep 1
    done
    tell ended "it ended by itself after $((gone - began)) s"
}
tell() {
    printf '%s %s %s: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$name" "$2" >>"$work/ends"
    say "$name: $2"
}

# Reads place, number and name; those of one place together, the next place when they have ended, or after `hold`.
in_order() {
    last='' since=0
    while read -r place id name; do
        if [ -n "$last" ] && [ "$place" != "$last" ]; then
            until [ "$(wc -l <"$work/ends")" -ge "$begun" ] || [ $(($(now) - since)) -ge "$hold" ]; do sleep 1; done
        fi
        if [ "$place" != "$last" ]; then since=$(now); fi
        last=$place begun=$((begun + 1))
        end_one "$id" "$name" </dev/null &
        pids="$pids $!"
    done <"$work/order"
    for pid in $pids; do wait "$pid"; done
}

limit='' kill=0 which=names
while [ $# -gt 0 ]; do
    case $1 in
        -l) limit=${2:-} && shift ;;
        -k) kill=1 ;;
        --all) which=all ;;
        --host) which=host kill=1 ;;
        --) shift && break ;;
        -*) fail "there is no option $1" ;;
        *) break ;;
    esac
    shift
done
XENDOMAINS_STOP_MAXWAIT='' XENDOMAINS_MIGRATE='' XENDOMAINS_SAVE=''
# shellcheck source=/dev/null
[ ! -r "$at/etc/default/xendomains" ] || . "$at/etc/default/xendomains"
limit=${limit:-${XENDOMAINS_STOP_MAXWAIT:-300}}
case $limit in '' | *[!0-9]*) limit=300 ;; esac
over=9999999999999
if [ "$which" = host ]; then
    # A unit is stopped for other reasons too, and no guest ends for those.
    [ "$(systemctl is-system-running)" = stopping ] || { say "the host is not going down: guests run on" && exit 0; }
    if [ $((limit + 300)) -lt "$whole" ]; then whole=$((limit + 300)); fi
    over=$(($(now) + whole))
    [ -z "$XENDOMAINS_MIGRATE$XENDOMAINS_SAVE" ] || { say "xendomains migrates or saves the guests" && exit 0; }
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/end-guests.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
: >"$work/ends"
listed || fail "xl does not answer: $(tail -n 1 "$work/error")"
begun=0 pids=''
if [ "$which" = names ]; then
    [ $# -gt 0 ] || fail "which guests?"
    looked=1
    for name; do
        id=$(numbered "$name")
        if [ -z "$id" ] && [ "$looked" = 1 ]; then
            looked=2
            sleep "$gap" && listed || fail "xl does not answer: $(tail -n 1 "$work/error")"
            id=$(numbered "$name")
        fi
        if [ -n "$id" ]; then say 0 "$id" "$name"; fi
    done >"$work/order"
else
    placed >"$work/order"
fi
in_order
if [ "$which" = host ] && [ -s "$work/ends" ]; then
    mkdir -p "${kept%/*}"
    sort "$work/ends" >"$kept.new" && sync "$kept.new" && mv "$kept.new" "$kept"
fi
left=$(sed -n 's/^[^ ]* runs \(.*\): it did not end .*/\1/p' "$work/ends" | paste -s -d , | sed 's/,/, /g')
if [ -n "$left" ]; then say "still running: $left; end each in its own system, or pull its plug (xl destroy)"; fi
! grep -Eq '^[^ ]+ (cut|runs) ' "$work/ends"
