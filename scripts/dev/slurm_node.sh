#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A Slurm of one node on this machine, to try job scripts on: no accounting, nothing installed.
# Needs root and the packages of section [slurm] of scripts/packages.txt.
#   scripts/dev/slurm_node.sh start FOLDER   starts it with all its files in FOLDER
#   export SLURM_CONF=FOLDER/slurm.conf      for sbatch, squeue, scontrol
#   scripts/dev/slurm_node.sh stop FOLDER    cancels its jobs and ends it; the files stay
# Exit 69: Slurm is not installed, or this is not root.
set -euo pipefail

fail() { echo "slurm_node: $2" >&2; exit "$1"; }
usage="usage: scripts/dev/slurm_node.sh start|stop FOLDER"
case "${1:-}" in -h | --help) echo "$usage" && exit ;; esac
[ $# -eq 2 ] || fail 2 "$usage"
export PATH="$PATH:/usr/sbin:/sbin"
for program in slurmctld slurmd munged sbatch scontrol; do
  command -v "$program" >/dev/null ||
    fail 69 "no $program here: scripts/install_packages.sh slurm"
done
[ "$(id -u)" -eq 0 ] || fail 69 "slurmd starts jobs and has to be run by root"

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'
}

write_config() {
  cat >"$1/slurm.conf" <<END
ClusterName=one_node
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
AuthType=auth/munge
AuthInfo=socket=$1/munge.socket
CryptoType=crypto/munge
StateSaveLocation=$1/state
SlurmdSpoolDir=$1/spool
SlurmctldPidFile=$1/slurmctld.pid
SlurmdPidFile=$1/slurmd.pid
SlurmctldLogFile=$1/slurmctld.log
SlurmdLogFile=$1/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
KillWait=5
SchedulerParameters=batch_sched_delay=0,sched_interval=1
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
}

start() {
  [ ! -e "$1/slurm.conf" ] || fail 73 "$1 has a slurm.conf already; stop it and take another folder"
  mkdir -p "$1/state" "$1/spool"
  chmod 700 "$1"
  head -c 1024 /dev/urandom >"$1/munge.key"
  chmod 600 "$1/munge.key"
  munged --force --key-file="$1/munge.key" --socket="$1/munge.socket" --pid-file="$1/munged.pid" \
    --log-file="$1/munged.log" --seed-file="$1/munged.seed" --num-threads=1 2>/dev/null
  write_config "$1"
  export SLURM_CONF="$1/slurm.conf"
  slurmctld
  slurmd
  for _ in $(seq 100); do
    if [ "$(sinfo -h -o %T 2>/dev/null)" = idle ]; then
      echo "export SLURM_CONF=$SLURM_CONF"
      return
    fi
    sleep 0.2
  done
  tail -n 5 "$1"/slurm*.log >&2
  stop "$1"
  fail 70 "the node did not come up within 20 s; see the logs in $1"
}

stop() {
  export SLURM_CONF="$1/slurm.conf"
  [ -e "$SLURM_CONF" ] || fail 66 "no slurm.conf in $1"
  timeout 10 squeue -h -o %A 2>/dev/null | sort -u | xargs -r timeout 10 scancel --full || true
  for _ in $(seq 50); do
    [ -n "$(timeout 10 squeue -h 2>/dev/null)" ] || break
    sleep 0.2
  done
  for name in slurmd slurmctld munged; do
    local pid
    pid=$(cat "$1/$name.pid" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || continue
    for _ in $(seq 50); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.2
    done
    kill -KILL "$pid" 2>/dev/null || true
  done
}

case "$1" in
  start) start "$(realpath -m "$2")" ;;
  stop) stop "$(realpath -m "$2")" ;;
  *) fail 2 "expected start or stop, found $1" ;;
esac
