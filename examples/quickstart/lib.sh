# What the tour's script is made of: titles, commands that are shown before they run, waiting that is
# never silent, and an end that leaves nothing behind. Sourced by run.

started_pids=()
started_names=()
tour_began=$SECONDS

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
say() { printf '\n%s\n' "$*"; }

# Prints the command as one would type it, runs it, prints how long it took.
run() {
  printf '\033[36m$ %s\033[0m\n' "$(shown "$@")"
  local start=$SECONDS
  "$@"
  printf '\033[2m  (%d s)\033[0m\n' $((SECONDS - start))
}

shown() {
  local text="$*"
  text="${text//$work/\$WORK}"
  printf '%s' "${text//$root\//}"
}

# A command that has to fail, and whose words are the point.
run_refused() {
  printf '\033[36m$ %s\033[0m\n' "$(shown "$@")"
  if "$@"; then
    echo "that should have been refused" >&2
    exit 1
  fi
}

# A command that has to end with this code.
run_expecting() {
  local wanted="$1"
  shift
  printf '\033[36m$ %s\033[0m\n' "$(shown "$@")"
  local code=0
  "$@" || code=$?
  if [ "$code" != "$wanted" ]; then
    echo "exit code $code instead of $wanted" >&2
    exit 1
  fi
}

# A command that may take long: says every ten seconds that it goes on.
run_watched() {
  local limit="$1"
  shift
  printf '\033[36m$ %s\033[0m\n' "$(shown "$@")"
  local start=$SECONDS
  "$@" &
  local pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    local took=$((SECONDS - start))
    if [ $((took % 10)) = 0 ]; then printf '\033[2m  ... %d s\033[0m\n' "$took"; fi
    if [ "$took" -ge "$limit" ]; then
      echo "not done within $limit s" >&2
      kill "$pid"
      exit 1
    fi
  done
  wait "$pid"
  printf '\033[2m  (%d s)\033[0m\n' $((SECONDS - start))
}

# Runs a command until its output matches, at most so many seconds.
wait_until() {
  local limit="$1" wanted="$2"
  shift 2
  local start=$SECONDS out=
  while true; do
    out="$("$@" 2>&1 || true)"
    if grep -qE "$wanted" <<<"$out"; then return 0; fi
    local took=$((SECONDS - start))
    if [ "$took" -ge "$limit" ]; then
      printf 'waited %d s in vain for "%s" from: %s\n%s\n' "$limit" "$wanted" "$(shown "$@")" "$out" >&2
      exit 1
    fi
    if [ $((took % 10)) = 9 ]; then printf '\033[2m  ... waiting for: %s (%s)\033[0m\n' "$wanted" "$(tail -1 <<<"$out")"; fi
    sleep 1
  done
}

wait_file() {
  local name="$1" file="$2" i
  for i in $(seq 300); do
    [ -s "$file" ] && return 0
    sleep 0.1
  done
  echo "$name did not come up; the end of its log:" >&2
  tail -20 "$work/$name.log" >&2
  exit 1
}

# Starts a process in the background with its log below $work.
start() {
  local name="$1"
  shift
  printf '\033[36m$ %s &\033[0m\n' "$(shown "$@")"
  "$@" >"$work/$name.log" 2>&1 &
  started_pids+=($!)
  started_names+=("$name")
}

start_agent() {
  local host="$1" driver="$2"
  ESPALIER_TOKEN= start "$host" espalier-agent --engine "$ESPALIER_ENGINE" --token-file "$work/$host.token" --host "$host" \
    --driver "$driver" --state-dir "$work/$host" --secrets-dir "$work" --ready-file "$work/$host.ready"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_registry() {
  cat > "$work/registry.yml" <<YAML
version: 0.1
storage:
  filesystem: {rootdirectory: $work/registry}
http:
  addr: $1
YAML
  start registry docker-registry serve "$work/registry.yml"
  wait_until 20 "\{\}" curl -fsS "http://$1/v2/"
}

# Builds the release preset; says every ten seconds how far it is.
build_release() {
  local start=$SECONDS log="$root/build/quickstart.log" pid
  mkdir -p "$root/build"
  printf '\033[36m$ cmake --preset release && ninja -C build/release ...\033[0m\n'
  (cmake --preset release && ninja -C build/release espalier espalierd espalier-agent \
    espalier-reconciler terraform-provider-espalier) >"$log" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    if [ $(((SECONDS - start) % 10)) = 9 ]; then printf '\033[2m  ... %s\033[0m\n' "$(tail -1 "$log" | cut -c1-100)"; fi
  done
  if ! wait "$pid"; then
    grep -E "error|FAILED" "$log" | head -20 >&2
    tail -5 "$log" >&2
    exit 1
  fi
  printf '\033[2m  (%d s)\033[0m\n' $((SECONDS - start))
}

# Terraform looks for our provider where it was built, so there is nothing to init.
terraform_files() {
  mkdir -p "$work/terraform"
  cp "$tour"/terraform/*.tf "$work/terraform/"
  printf 'registry = "%s"\n' "$registry" > "$work/terraform/terraform.tfvars"
  cat > "$work/terraform.rc" <<TF
provider_installation {
  dev_overrides { "espalier/espalier" = "$root/build/release/bin" }
  direct {}
}
TF
  export TF_CLI_CONFIG_FILE="$work/terraform.rc"
  command -v terraform >/dev/null || terraform() { tofu "$@"; }
}

git_tour() {
  git -c user.name=tour -c user.email=tour@localhost "$@"
}

# Asks the guest itself, through its mapped port.
answer_of_web() {
  local address port
  address="$(espalier get vm web -o json | jq -r .status.observed.ip)"
  port="$(espalier get vm web -o json | jq -r .status.observed.ports.http)"
  wait_until 300 "espalier" curl -fsS -m 5 "http://$address:$port/"
  run curl -fsS "http://$address:$port/"
}

# The name of a git-owned VM that runs on a host.
name_on_host() {
  espalier -A get vms -o json | jq -r --arg host "$1" \
    '[.items[] | select(.status.placement.host == $host and .metadata.namespace == "ci" and .metadata.name != "builder" and .status.placement.phase == "running")][0] | "\(.metadata.namespace)/\(.metadata.name)"'
}

# Ends what was started, by its process id, and removes what was written.
finish() {
  local code=$? i
  set +e
  if [ "$code" != 0 ]; then
    echo
    for i in "${!started_names[@]}"; do
      echo "--- the end of ${started_names[$i]}'s log"
      tail -8 "$work/${started_names[$i]}.log"
    done
  fi
  if [ -n "$keep" ] && [ "$code" = 0 ]; then
    cat <<TEXT

Everything still runs. To go on:
  export PATH="$root/build/release/bin:\$PATH" ESPALIER_ENGINE=$ESPALIER_ENGINE ESPALIER_TOKEN=$ESPALIER_TOKEN
  espalier status
  espalier vm deploy --image $registry/linux/tiny:1 --cpu 1 --memory 0.25 --wait
  espalier explain vm
To end it:
  kill ${started_pids[*]}; espalier-agent stop-vms --driver qemu --state-dir $work/linux-01; rm -rf $work
TEXT
    return
  fi
  for ((i = ${#started_pids[@]} - 1; i >= 0; --i)); do kill "${started_pids[$i]}" 2>/dev/null; done
  for i in "${started_pids[@]}"; do wait "$i" 2>/dev/null; done
  # VMs outlive their agents on purpose; those of the tour end with it.
  if [ -d "$work/linux-01" ]; then espalier-agent stop-vms --driver qemu --state-dir "$work/linux-01" >/dev/null 2>&1; fi
  rm -rf "$work"
  exit "$code"
}
