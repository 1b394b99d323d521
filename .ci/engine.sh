# Docker in CI: `engine_up` is true where an engine answers, or could be started with what lies beside the project.
# What was started is stopped at the end, by its own id.
ENGINE_PID=""

engine_up() {
    local answered=yes told=0
    docker info > /dev/null 2>&1 || answered=no
    if [ -x ../shared/bin/docker-up ]; then
        timeout 400 ../shared/bin/docker-up >&2 || told=$?
    elif [ $answered = no ]; then
        echo "ci: no Docker engine answers, and there is no ../shared/bin/docker-up; images are not tested here" >&2
        return 1
    fi
    if [ $answered = no ] && docker info > /dev/null 2>&1; then ENGINE_PID=$(cat /var/run/docker.pid); fi
    if [ $told != 0 ]; then
        echo "ci: docker-up ended with code $told; images are not tested here" >&2
        return 1
    fi
}

engine_down() {
    if [ -z "$ENGINE_PID" ]; then return; fi
    kill "$ENGINE_PID" 2> /dev/null || return 0
    for _ in $(seq 100); do kill -0 "$ENGINE_PID" 2> /dev/null || return 0; sleep 0.2; done
    echo "ci: the Docker engine $ENGINE_PID did not end" >&2
}

# Builds every image. A build that fails fails CI, unless this machine cannot build any image at all.
images_built() {
    if ! make images-possible; then
        echo "ci: no image can be built on this machine (see above); images are not tested here" >&2
        return 1
    fi
    make images && return
    make images-possible || { echo "ci: the machine stopped being able to build images; they are not tested here" >&2; return 1; }
    exit 1
}
