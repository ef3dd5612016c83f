# What the scripts of this folder share; source it from the repository's root, with $assay set.

field() { sed -n "s/.*\"$1\": *\"\\([^\"]*\\)\".*/\\1/p" | head -n 1; } # NAME: its first text in JSON
await_providers() { # HOME COUNT: so many have registered, within a minute
    for _ in $(seq 240); do
        [ "$("$assay" --home "$1" --json provider list | grep -c '"moniker"')" = "$2" ] && return 0
        sleep 0.25
    done
    echo "$1: there are not $2 providers" >&2
    return 1
}
