#!/usr/bin/env bash
# Gives recordings standard names and puts them into a repo, all in one commit. `--help` tells more.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: scripts/name-standarizer.sh [OPTIONS] [INPUT_DIR [OUTPUT_DIR]]

Gives every recording below INPUT_DIR (./audio-unprocessed) a name that Pachyderm accepts (small letters, no
spaces, no accents), moves it to OUTPUT_DIR (./audio-processed), and puts all of them into a repo in one commit.

  --repo REPO[@BRANCH]  where to put the files (audio-unprocessed@master)
  --client CLIENT       pachctl, aeolian or none (the first that is installed)
  --copy                keep the originals
  --put-all             put every recording of OUTPUT_DIR, not only those of this run
  --dry-run             only say what would be done
  -h, --help            this text

No file is ever overwritten: two names that would become one are told apart by a few digits, and a file of that
name that holds something else stops the script before it has done anything.
TEXT
}

die() {
    printf 'name-standarizer: %s\n' "$1" >&2
    exit "${2:-1}"
}

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
repo=audio-unprocessed@master
client=auto
copy=false
put_all=false
dry_run=false
folders=()

while (($#)); do
    case $1 in
        --repo | --client)
            (($# > 1)) || die "$1 needs a value" 2
            if [[ $1 == --repo ]]; then repo=$2; else client=$2; fi
            shift
            ;;
        --repo=*) repo=${1#*=} ;;
        --client=*) client=${1#*=} ;;
        --copy) copy=true ;;
        --put-all) put_all=true ;;
        --dry-run) dry_run=true ;;
        -h | --help)
            usage
            exit 0
            ;;
        --)
            shift
            folders+=("$@")
            break
            ;;
        -*) die "unknown option $1; --help lists them" 2 ;;
        *) folders+=("$1") ;;
    esac
    shift
done
((${#folders[@]} <= 2)) || die "more than two folders given; --help tells the usage" 2
input=${folders[0]:-./audio-unprocessed}
output=${folders[1]:-./audio-processed}
[[ $repo == *@* ]] || repo=$repo@master
# A name that begins with a dash is a folder all the same.
[[ $input == -* ]] && input=./$input
[[ $output == -* ]] && output=./$output
[[ -d $input ]] || die "the folder $input does not exist" 2
[[ ! -e $output || -d $output ]] || die "$output is not a folder" 2
[[ ! $input -ef $output ]] || die "INPUT_DIR and OUTPUT_DIR are the same folder" 2

# The names come from the library, which needs nothing but Python's own.
python=
for candidate in python3 "$root/.venv/bin/python"; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[[ -n $python ]] || die "Python 3.11 or later is needed; 'make setup' installs the project's own"

# recordings DIR: path, NUL, standard name, NUL for each recording below DIR that is not hidden.
recordings() {
    (cd -- "$1" && find . -mindepth 1 -name '.*' -prune -o -type f -print0) |
        PYTHONPATH=$root/src${PYTHONPATH:+:$PYTHONPATH} "$python" -m aeolian.names
}

case $client in
    auto)
        client=none
        if command -v pachctl >/dev/null; then
            client=pachctl
        elif command -v aeolian >/dev/null || [[ -x $root/.venv/bin/aeolian ]]; then
            client=aeolian
        fi
        ;;
    none) ;;
    pachctl) command -v pachctl >/dev/null || die "pachctl is not installed" ;;
    aeolian) command -v aeolian >/dev/null || [[ -x $root/.venv/bin/aeolian ]] || die "aeolian is not installed" ;;
    *) die "unknown client $client: pachctl, aeolian or none" 2 ;;
esac
aeolian=$(command -v aeolian || printf '%s' "$root/.venv/bin/aeolian")

sources=()
names=()
while IFS= read -r -d '' source && IFS= read -r -d '' name; do
    sources+=("${source#./}")
    names+=("$name")
done < <(recordings "$input")

conflicts=0
for i in "${!sources[@]}"; do
    target=$output/${names[i]}
    if [[ -e $target || -L $target ]] && ! cmp -s -- "$input/${sources[i]}" "$target"; then
        printf 'name-standarizer: %q would become %q, which exists and holds something else\n' \
            "${sources[i]}" "$target" >&2
        conflicts=$((conflicts + 1))
    fi
done
((conflicts == 0)) || die "nothing was done; rename or remove these files first"

verb=move
if $copy; then verb=copy; fi
$dry_run || mkdir -p -- "$output"
for i in "${!sources[@]}"; do
    source=$input/${sources[i]}
    target=$output/${names[i]}
    printf '%s %q -> %q\n' "$verb" "$source" "$target"
    if $dry_run; then
        continue
    elif [[ -e $target ]]; then
        $copy || rm -- "$source"
    elif $copy; then
        cp -- "$source" "$target"
    else
        mv -- "$source" "$target"
    fi
done

if $put_all && [[ -d $output ]]; then
    names=()
    while IFS= read -r -d '' source && IFS= read -r -d '' name; do
        if [[ $source == "./$name" ]]; then names+=("$name"); fi
    done < <(recordings "$output")
fi
if ((${#names[@]} == 0)); then
    printf 'no recordings in %q\n' "$input"
    exit 0
fi
if $dry_run || [[ $client == none ]]; then
    printf '%d recordings; not put into a repo (client: %s)\n' "${#names[@]}" "$client"
    exit 0
fi

put_with_pachctl() {
    pachctl inspect repo "${repo%@*}" >/dev/null 2>&1 || pachctl create repo "${repo%@*}"
    pachctl start commit "$repo" >/dev/null
    trap 'pachctl delete commit "$repo" >/dev/null 2>&1 || true' ERR
    for name in "${names[@]}"; do
        pachctl put file "$repo:/$name" -f "$output/$name"
    done
    pachctl finish commit "$repo"
    trap - ERR
}

put_with_aeolian() {
    "$aeolian" inspect repo "${repo%@*}" >/dev/null 2>&1 || "$aeolian" create repo "${repo%@*}"
    local files=()
    for name in "${names[@]}"; do
        files+=(-f "$output/$name")
    done
    "$aeolian" put file "$repo" "${files[@]}"
}

trap 'printf "name-standarizer: the files are in %q; put them again with --put-all\n" "$output" >&2' EXIT
"put_with_$client"
trap - EXIT
printf '%d recordings put into %s in one commit\n' "${#names[@]}" "$repo"
