// A tiled NF4 matrix as plain bfloat16 rows, for prompts, whose products are worth a library's.
#include "fragments.cuh"

// One warp a tile and block of 64 inputs; `order` is the output that stands in each place.
extern "C" __global__ void unpack(
    const uint4 *weights, const unsigned *scales, const float *code, const int *order, float unit,
    int blocks, int tiles, bfloat16 *out) {  // [outputs][blocks · 64]
    long long at = (long long)blockIdx.x * 8 + (threadIdx.x >> 5);
    if (at >= (long long)tiles * blocks) return;
    int lane = threadIdx.x & 31, tile = at / blocks, block = at % blocks, g = lane >> 2;
    uint4 w = weights[at * 32 + lane];
    unsigned scale = scales[at * 8 + g], words[4] = {w.x, w.y, w.z, w.w};
    float factor[2] = {half_low(scale) * unit, half_high(scale) * unit};
    unsigned *rows = (unsigned *)out;
    for (int s = 0; s < 4; s++)
        for (int i = 0; i < 4; i++) {
            unsigned byte = (words[s] >> (8 * i)) & 255u;
            int row = order[tile * 16 + g + (i & 1) * 8];
            int k = block * 64 + s * 16 + (lane & 3) * 2 + (i >> 1) * 8;
            float f = factor[i & 1];
            rows[((long long)row * blocks * 64 + k) / 2] = pack(code[byte & 15] * f, code[byte >> 4] * f);
        }
}
