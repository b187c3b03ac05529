# shellcheck shell=bash
# Sourced by scripts/smoke and .ci/run: which database engines there are, and a Docker that has an image of one.
# Everything here ends within its time, and says in REASON why it did not work.

readonly ENGINES=(mariadb:10.5 mariadb:10.11 mariadb:11.8 mysql:9.7)
readonly BUILDER=${BUILDER-../shared/tools/engine-images} # a neighbour of this directory where no image can be pulled
readonly DOCKER_SECONDS=30
PULL_SECONDS=60 BUILD_SECONDS=240 SMOKE_SECONDS=${SMOKE_SECONDS:-240} # .ci/run has less time left

REASON=
STARTED_DOCKER= # process id, if it was started here

docker_answers() { timeout 10 docker info >/dev/null 2>&1; }

ensure_docker() { # IMAGE - for it; the neighbour brings a Docker of its own where there is none
  docker_answers && return
  if has dockerd && [ "$(id -u)" = 0 ]; then
    setsid nohup dockerd </dev/null >/dev/null 2>&1 &
    STARTED_DOCKER=$!
    local second
    for ((second = 0; second < DOCKER_SECONDS; second++)); do
      docker_answers && return
      kill -0 "$STARTED_DOCKER" 2>/dev/null || break
      sleep 1
    done
    stop_docker
    REASON="dockerd does not start here"
  elif has docker; then REASON="the Docker daemon does not answer"
  elif [ -x "$BUILDER" ] && [ "$(id -u)" = 0 ]; then
    build_image "$1" && docker_answers && return
  else REASON="there is no Docker here"
  fi
  return 1
}

stop_docker() { # only one that was started here
  [ -n "$STARTED_DOCKER" ] || return 0
  kill "$STARTED_DOCKER" 2>/dev/null || true
  wait "$STARTED_DOCKER" 2>/dev/null || true
  STARTED_DOCKER=
}

ensure_image() { # IMAGE - there already, pulled, or built by the neighbour
  timeout 10 docker image inspect "$1" >/dev/null 2>&1 && return
  timeout -k 5 "$PULL_SECONDS" docker pull -q "$1" >/dev/null 2>&1 && return
  REASON="the image is not here and cannot be pulled"
  [ -x "$BUILDER" ] && build_image "$1"
}

build_image() { # IMAGE
  timeout -k 5 "$BUILD_SECONDS" "$BUILDER" "$1" >/dev/null 2>&1 && return
  REASON="the image is not here, and was not built in $BUILD_SECONDS seconds"
  return 1
}

engine_of_the_system() { # such as mariadb:10.11: the one on which the whole suite runs
  local version
  version=$("$(find_server)" --version 2>/dev/null) || return 0
  case $version in
    *MariaDB*) printf 'mariadb:' ;;
    *) printf 'mysql:' ;;
  esac
  printf '%s\n' "$version" | sed -rn 's/.*Ver ([0-9]+\.[0-9]+)\..*/\1/p'
}
