#!/bin/sh
# Runs a command in an image's file system as a restricted pod would: user 10001, no capability, read-only root.
# Usage, in mount and pid namespaces of its own: container.sh ROOT [HOST_PATH:TARGET]... -- COMMAND [ARGUMENT]...
set -eu
root="$1"
shift
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
touch "$root/etc/hosts"
mount --bind /etc/hosts "$root/etc/hosts"
while [ "$1" != -- ]; do
  mkdir -p "$root/${1#*:}"
  mount --bind "${1%%:*}" "$root/${1#*:}"
  shift
done
shift
mount -o remount,bind,ro "$root"
exec chroot "$root" /usr/bin/setpriv --reuid 10001 --regid 10001 --clear-groups --bounding-set=-all --inh-caps=-all \
  --no-new-privs --pdeathsig KILL -- "$@"
