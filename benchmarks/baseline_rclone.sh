#!/usr/bin/env bash
# The baseline of N7: rclone between a local path and the same bucket, with as many requests at once as the CLI makes.
#
# Usage: benchmarks/baseline_rclone.sh RCLONE PARALLEL copy|copyto SOURCE TARGET
#
# The remote `b:` is described by RCLONE_CONFIG_B_* in the environment. Checksums are on, as they are in the CLI: rclone
# makes the MD5 of each file, sends it with the object, and compares it after the transfer. Parts of 8 MiB, as ours.
set -euo pipefail
rclone=$1 parallel=$2 verb=$3 source=$4 target=$5

exec "$rclone" --config /dev/null --quiet "$verb" "$source" "$target" \
  --checksum --transfers "$parallel" --checkers "$parallel" \
  --s3-no-check-bucket --s3-chunk-size 8M --s3-upload-cutoff 200M --s3-upload-concurrency "$parallel" \
  --multi-thread-cutoff 64M --multi-thread-chunk-size 16M --multi-thread-streams "$parallel"
