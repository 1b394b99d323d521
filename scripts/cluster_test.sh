#!/usr/bin/env bash
# The contract suite, tests/platform, against a real pachd. Raises one where ../shared/bin/cluster-up is there and none
# answers, and stops what it raised. Where that cannot be, it says so in one line and ends well, unless
# AEOLIAN_TEST_CLUSTER=required. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
up=../shared/bin/cluster-up
image=python:3.11-slim-bookworm
raised=no

leave() {
    echo "cluster-test: $1; the contract is not held against a real pachd here" >&2
    [ "${AEOLIAN_TEST_CLUSTER:-}" != required ] || exit 1
    exit 0
}

# A minute: on a busy machine it may take long, and one that is there is not ours to stop.
answers() { [ -n "${PACHD_ADDRESS:-}" ] && pachctl version --timeout 60s > /dev/null 2>&1; }

stop() { [ $raised = no ] || "$up" --stop; }
trap stop EXIT

if [ -x "$up" ]; then
    eval "$("$up" --env)"
    if ! answers; then
        raised=yes
        # The first time it builds Kubernetes and Pachyderm: some ten minutes on two cores that have nothing else to do.
        timeout "${AEOLIAN_CLUSTER_RAISE_S:-2400}" "$up" >&2 || leave "$up ended with code $?"
    fi
    loaded=$(kubectl get nodes -o 'jsonpath={.items[*].status.images[*].names}')
    grep -q "$image" <<< "$loaded" || { ../shared/bin/docker-up && "$up" --load "$image"; } >&2 || leave "$image could not be loaded"
elif ! answers; then
    leave "no pachd answers at PACHD_ADDRESS, and there is no $up"
fi
# What fails beside others is tried once more alone: on a busy machine pachd's own timing decides some of it. Both are told.
seen=$(mktemp -d)
trap 'rm -rf "$seen"; stop' EXIT
hold() { AEOLIAN_TEST_PLATFORM=pachyderm timeout "${AEOLIAN_CLUSTER_TEST_S:-2400}" .venv/bin/python -m pytest -o cache_dir="$seen" "$@"; }
hold -n "${AEOLIAN_CLUSTER_WORKERS:-3}" tests/platform "$@" || {
    code=$?
    [ $code = 1 ] || exit $code
    echo "cluster-test: once more alone, what failed" >&2
    hold -n 0 --last-failed --last-failed-no-failures none tests/platform "$@"
}
