#!/usr/bin/env bash
# How many instructions a mutual handshake takes, counted under callgrind and compared with the committed figure: a gate that no busy
# machine can shut or open. Many handshakes minus few, divided by the difference, so that starting the process does not count.
# Usage: benches/instructions.sh [--update]; needs valgrind. Exit status 4 when it is more than 2 % off, in either direction: a gain that
# nobody has written down hides the next loss. Another processor family or compiler gives other figures; each has its own line in
# benches/instructions.txt, and a machine without one is told so and what its figure is.
set -euo pipefail
cd "$(dirname "$0")/.."
few=10
many=60
figures=benches/instructions.txt
command -v valgrind >/dev/null || { echo "valgrind is not there: apt-get install valgrind" >&2; exit 2; }

binary="$(cargo bench --locked --bench instructions --no-run --message-format json 2>/dev/null |
    sed -n 's/.*"name":"instructions".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)"
[ -x "$binary" ] || { echo "cargo bench --bench instructions --no-run built nothing" >&2; exit 5; }

count() {
    # Valgrind's own processor has no instructions that this one may lack, but it shows of this one what it can.
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$binary" "$1" 2>&1 >/dev/null |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

one="$(count "$few")"
other="$(count "$many")"
each="$(((other - one) / (many - few)))"
# What the figure depends on beside the code: the compiler, the architecture, and whether the processor has AVX2.
wide="$(grep -qw avx2 /proc/cpuinfo && echo avx2 || echo plain)"
key="$(uname -m)/$wide/rustc-$(rustc --version | cut -d ' ' -f 2)"
echo "$each instructions a handshake ($key)"
if [ "${1:-}" = "--update" ]; then
    { grep -v "^$key " "$figures" 2>/dev/null || true; echo "$key $each"; } | sort >"$figures.new"
    mv "$figures.new" "$figures"
    exit 0
fi
known="$(sed -n "s|^$key ||p" "$figures")"
if [ -z "$known" ]; then
    echo "no figure is known for $key: nothing was compared; benches/instructions.sh --update writes it down"
    exit 0
fi
awk -v now="$each" -v known="$known" 'BEGIN {
    percent = (now / known - 1) * 100
    printf "%+.2f %% of the %d that are written down\n", percent, known
    exit (percent > 2 || percent < -2) ? 4 : 0
}' || { echo "if that is as it should be: benches/instructions.sh --update" >&2; exit 4; }
