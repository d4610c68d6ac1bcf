#!/usr/bin/env bash
# The baseline of N2: one ffmpeg command that makes what a job makes, from a local file.
#
# Usage: benchmarks/baseline_ladder.sh FFMPEG INPUT FOLDER
#
# The same ladder as src/reelkeep/transcode/ladder.py for a source of 1080 lines: the step rung with GOPs of 12 frames,
# 720 and 1080 with GOPs of 48, closed, no scene cuts; the same x264 settings, scaler and threads; the same AAC; tiles,
# poster and a mono signal for the peaks. It encrypts nothing and uploads nothing. Keep it in step with the codec:
# a change there that is not made here makes the comparison worthless.
set -euo pipefail
ffmpeg=$1 input=$2 folder=$3

x264() { # output stream number, GOP, CRF, maximum rate in bits a second
  printf '%s\n' "-c:v:$1" libx264 "-preset:v:$1" veryfast "-profile:v:$1" high "-pix_fmt:v:$1" yuv420p \
    "-crf:v:$1" "$3" "-maxrate:v:$1" "$4" "-bufsize:v:$1" "$(($4 * 2))" "-g:v:$1" "$2" "-keyint_min:v:$1" "$2" \
    "-x264-params:v:$1" "scenecut=0:open-gop=0"
}
mapfile -t settings < <(x264 0 12 23 1200000; x264 1 48 22 5000000; x264 2 48 21 10000000)

exec "$ffmpeg" -nostdin -hide_banner -loglevel error -y -i "$input" -filter_complex "
  [0:v]split=5[a][b][c][t][p];
  [a]scale=-2:360:flags=bicubic[v360];
  [b]scale=-2:720:flags=bicubic[v720];
  [c]scale=-2:1080:flags=bicubic[v1080];
  [t]fps=1/2,scale=160:-2,tile=10x10[tiles];
  [p]select=eq(n\,0),scale=640:-2[poster]" \
  -map '[v360]' -map '[v720]' -map '[v1080]' -map '0:a:0?' "${settings[@]}" -c:a aac -b:a 160k -ar 48000 -ac 2 \
  -movflags +empty_moov+default_base_moof+frag_keyframe -f mp4 "$folder/ladder.mp4" \
  -map '[tiles]' -q:v 5 -f image2 -update 1 "$folder/tiles.jpg" \
  -map '[poster]' -frames:v 1 -update 1 "$folder/poster.jpg" \
  -map '0:a:0?' -ac 1 -ar 8000 -f s16le "$folder/peaks.raw"
