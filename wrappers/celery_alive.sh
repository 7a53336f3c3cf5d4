# shellcheck shell=bash
# Liveness of this container's worker: 0 while it is alive, 1 when it is dead, stopped or stuck.
#
#   bash -c TEXT FILE SECONDS
#
# FILE is what celery_worker.py writes, SECONDS how old a record of a listening worker may be.
# Nothing but bash's own words and /proc, so that it costs next to nothing on a busy machine, and no
# part of the worker has to answer: a job may keep all its threads from running for hours. A worker
# that imports its application or connects to its broker is alive, however long that takes.
{ read -r pid word since <"$0"; } 2>/dev/null || exit 0 # Python has not begun yet
{ read -r stat <"/proc/$pid/stat"; } 2>/dev/null || exit 1
stat=${stat##*) } # the program's name, in brackets, may contain anything
case $stat in
  [TtZX]*) exit 1 ;; # stopped (proc(5): T, t) or dead (Z, X)
esac
[ "$word" = listening ] || exit 0
read -r now _ </proc/uptime
[ $((${now%.*} - since)) -le "$1" ]
