#!/usr/bin/env bash
# The baseline of N2: one ffmpeg command that makes what a job makes, from a local file.
#
# Usage: benchmarks/baseline_ladder.sh FFMPEG INPUT FOLDER
#
# For a source of 1080 lines: the ladder of src/reelkeep/transcode/ladder.py, the x264 settings of
# codec/video_encoder.py, the scaling of codec/picture.py (largest from the source, the others from the largest), the
# AAC of codec/sound.py, the tiles and the poster of codec/stills.py from the step rung, and a mono signal for the peaks.
# The slices, too, are the ladder's: as tall as a mark band, with one fixed pattern of pictures and the rate cap of a rung
# with two bands; the bands' own encode and the check for leakage are what the job does beyond it.
# Threads are ffmpeg's own choice, as they are the codec's. It encrypts nothing and uploads nothing. Keep it in step: a
# change there that is not made here makes the comparison worthless.
set -euo pipefail
ffmpeg=$1 input=$2 folder=$3

x264() { # output stream number, GOP, CRF, maximum rate in bits a second, macroblocks in a slice
  printf '%s\n' "-c:v:$1" libx264 "-preset:v:$1" veryfast "-profile:v:$1" high "-flags:v:$1" +cgop \
    "-crf:v:$1" "$3" "-maxrate:v:$1" "$4" "-bufsize:v:$1" "$(($4 * 2))" \
    "-x264-params:v:$1" "keyint=$2:min-keyint=$2:scenecut=0:open-gop=0:stitchable=1:force-cfr=1:b-adapt=0:b-pyramid=none:weightp=0:ref=1:slice-max-mbs=$5"
}
mapfile -t settings < <(x264 0 12 23 2966297 80; x264 1 24 21 7925460 240; x264 2 24 21 14275556 480)
to709=out_color_matrix=bt709:out_range=limited

exec "$ffmpeg" -nostdin -hide_banner -loglevel error -y -i "$input" -filter_complex "
  [0:v]scale=1920:1080:flags=bicubic:$to709,format=yuv420p,split=3[v1080][b][c];
  [b]scale=1280:720:flags=bicubic:$to709[v720];
  [c]scale=640:360:flags=bicubic:$to709,split=3[v360][t][p];
  [t]fps=1,scale=160:-2,tile=10x10[tiles];
  [p]select=eq(n\,48)[poster]" \
  -map '[v360]' -map '[v720]' -map '[v1080]' -map '0:a:0?' "${settings[@]}" -c:a aac -b:a 160k -ar 48000 -ac 2 \
  -movflags +empty_moov+default_base_moof+frag_keyframe -f mp4 "$folder/ladder.mp4" \
  -map '[tiles]' -q:v 4 -f image2 "$folder/tiles%d.jpg" \
  -map '[poster]' -frames:v 1 -q:v 4 -update 1 "$folder/poster.jpg" \
  -map '0:a:0?' -ac 1 -ar 8000 -f s16le "$folder/peaks.raw"
