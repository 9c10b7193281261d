// y = x · Wᵀ for a few rows of x and a matrix W in NF4, as one decode step needs it.
//
// The weights are operand A of mma.m16n8k16 and the rows of the batch its eight columns B, so the
// tensor cores' work grows in steps of eight rows while the weights are read once. Weights lie in
// tiles of 16 outputs × 64 inputs, in the order in which the lanes of a warp need them
// (model/runner/gpu/tiles.py): one 16-byte load a lane feeds four MMAs. A byte, two 4-bit codes,
// becomes a pair of bfloat16 by one look-up in a table of which each lane has its own copy, so no
// two lanes meet in a bank.
//
// Compiled with: COLUMNS columns of eight rows, TILES tiles a warp, ACROSS × ALONG warps a block (ALONG of them share
// the inputs of the same outputs and add up at the end), DEPTH loads ahead, EPILOGUE (below).
#include "fragments.cuh"

#define PLAIN 0     // y as float32, row-major
#define QKV 1       // rotate q and k, write k and v into the cache and q beside it
#define RESIDUAL 2  // add y to the residual stream; prepare the next product's x and its norm
#define GATE_UP 3   // SiLU(gate) · up, prepared as the next product's x

struct Product {
    const uint4 *weights;         // [tile][block of 64 inputs][lane]
    const unsigned *scales;       // [tile][block][8]: float16 of outputs g and g + 8
    const uint4 *x;               // [block][COLUMNS][half][lane], see fragments.cuh
    const float *squares;         // [parts][COLUMNS·8] sums of squares of x's rows, or null: no norm
    const uint4 *lora_b;          // [tile][lora steps][lane], bfloat16
    const uint2 *lora_low;        // [lora steps][COLUMNS][lane], bfloat16
    const int2 *lora_range;       // [tile] the steps that its outputs need, end excluded
    const float *code;            // the 16 values of NF4
    void *out;                    // PLAIN: y. QKV: q. RESIDUAL and GATE_UP: the next x
    float *residual;              // RESIDUAL: [rows][outputs]
    const float *norm;            // RESIDUAL: [outputs] the next norm's weight
    float *next_squares;          // RESIDUAL: [tile][COLUMNS·8]
    bfloat16 *cache;    // QKV: [slot][2 · kv heads][head_dim] of this layer
    const long long *slots;       // QKV: [rows]
    const int *positions;         // QKV: [rows]
    const float2 *rotary;         // QKV: [position][head_dim / 2] cos and sin
    const float *bias;            // [tile][16] or null
    float unit;                   // what one unit of a scale is worth
    float eps;
    int blocks;                   // of 64 inputs
    int tiles;
    int rows;
    int parts;
    int lora_steps;
    int heads, kv_heads, head_dim;
};

static __device__ __forceinline__ void accumulate(
    float (&acc)[TILES][COLUMNS][4], const uint4 (&w)[TILES], const unsigned (&scale)[TILES], const uint4 *x,
    const unsigned *table, int lane) {
    uint4 b[COLUMNS][2];
#pragma unroll
    for (int n = 0; n < COLUMNS; n++) {
        b[n][0] = x[n * 64 + lane];
        b[n][1] = x[n * 64 + 32 + lane];
    }
#pragma unroll
    for (int t = 0; t < TILES; t++) {
        unsigned words[4] = {w[t].x, w[t].y, w[t].z, w[t].w};
        unsigned a[4][4];
#pragma unroll
        for (int s = 0; s < 4; s++) {
            a[s][0] = table[(words[s] & 255u) * 32];
            a[s][1] = table[((words[s] >> 8) & 255u) * 32];
            a[s][2] = table[((words[s] >> 16) & 255u) * 32];
            a[s][3] = table[(words[s] >> 24) * 32];
        }
        float low = half_low(scale[t]), high = half_high(scale[t]);
#pragma unroll
        for (int n = 0; n < COLUMNS; n++) {
            float c[4] = {0.f, 0.f, 0.f, 0.f};
            mma(c, a[0], b[n][0].x, b[n][0].y);
            mma(c, a[1], b[n][0].z, b[n][0].w);
            mma(c, a[2], b[n][1].x, b[n][1].y);
            mma(c, a[3], b[n][1].z, b[n][1].w);
            acc[t][n][0] += c[0] * low;
            acc[t][n][1] += c[1] * low;
            acc[t][n][2] += c[2] * high;
            acc[t][n][3] += c[3] * high;
        }
    }
}

// One fragment is done: c[0], c[1] are output `g` of rows m and m + 1, c[2], c[3] output g + 8.
static __device__ __forceinline__ void finish(
    const Product &p, float (&c)[4], int tile, int n, int lane) {
    int g = lane >> 2, m = n * 8 + (lane & 3) * 2;
#if EPILOGUE == PLAIN
    float *y = (float *)p.out;
    int outputs = p.tiles * 16, first = tile * 16 + g;
    for (int i = 0; i < 2; i++)
        if (m + i < p.rows) {
            y[(long long)(m + i) * outputs + first] = c[i];
            y[(long long)(m + i) * outputs + first + 8] = c[2 + i];
        }
#elif EPILOGUE == QKV
    int half = p.head_dim / 2, tiles_a_head = p.head_dim / 16;
    int head = tile / tiles_a_head, d = (tile % tiles_a_head) * 8 + g;
    for (int i = 0; i < 2; i++) {
        if (m + i >= p.rows) continue;
        float first = c[i], second = c[2 + i];
        if (head < p.heads + p.kv_heads) {
            float2 turn = p.rotary[(long long)p.positions[m + i] * half + d];
            float a = first * turn.x - second * turn.y;
            second = second * turn.x + first * turn.y;
            first = a;
        }
        bfloat16 *to;
        if (head < p.heads)
            to = (bfloat16 *)p.out + ((m + i) * p.heads + head) * p.head_dim;
        else
            to = p.cache + (p.slots[m + i] * 2 * p.kv_heads + head - p.heads) * p.head_dim;
        to[d] = bf16(first);
        to[d + half] = bf16(second);
    }
#elif EPILOGUE == RESIDUAL
    int outputs = p.tiles * 16, k = tile * 16 + g;
    float sums[2] = {0.f, 0.f};
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            if (m + i >= p.rows) continue;
            float *at = p.residual + (long long)(m + i) * outputs + k + 8 * j;
            float value = *at + c[2 * j + i];
            *at = value;
            sums[i] += value * value;
            store_x<COLUMNS>((bfloat16 *)p.out, m + i, k + 8 * j, value * p.norm[k + 8 * j]);
        }
    for (int step = 4; step < 32; step *= 2)
        for (int i = 0; i < 2; i++) sums[i] += __shfl_xor_sync(~0u, sums[i], step);
    if (g == 0) {
        float *to = p.next_squares + tile * COLUMNS * 8 + m;
        to[0] = sums[0];
        to[1] = sums[1];
    }
#else
    int k = tile * 8 + g;  // rows g of a tile are gates, rows g + 8 the ups beside them
    for (int i = 0; i < 2; i++)
        if (m + i < p.rows) {
            float gate = c[i];
            store_x<COLUMNS>((bfloat16 *)p.out, m + i, k,
                        gate / (1.f + __expf(-gate)) * c[2 + i]);
        }
#endif
}

extern "C" __global__ void __launch_bounds__(ACROSS * ALONG * 32) nf4_product(const Product p) {
    extern __shared__ unsigned shared[];
    unsigned *table = shared;                       // [256][32]
    float *norms = (float *)(shared + 8192);        // [COLUMNS·8] one over the root mean square
    float4 *partial = (float4 *)(norms + COLUMNS * 8);   // [ACROSS][ALONG][TILES·COLUMNS][32]
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const int wn = warp / ALONG, wk = warp % ALONG;

    for (int i = threadIdx.x; i < 2048; i += ACROSS * ALONG * 32) {
        int byte = i >> 3;
        unsigned pair = pack(p.code[byte & 15], p.code[byte >> 4]);
        ((uint4 *)table)[i] = make_uint4(pair, pair, pair, pair);
    }
    if (p.squares)
        for (int row = warp; row < COLUMNS * 8; row += ACROSS * ALONG) {
            float sum = 0.f;
            for (int i = lane; i < p.parts; i += 32) sum += p.squares[i * COLUMNS * 8 + row];
            for (int step = 1; step < 32; step *= 2) sum += __shfl_xor_sync(~0u, sum, step);
            if (lane == 0) norms[row] = rsqrtf(sum / (p.blocks * 64) + p.eps);
        }
    __syncthreads();

    for (int group = blockIdx.x; group * ACROSS * TILES < p.tiles; group += gridDim.x) {
        const int first = (group * ACROSS + wn) * TILES;
        float acc[TILES][COLUMNS][4] = {};
        uint4 w[DEPTH][TILES];
        unsigned scale[DEPTH][TILES];
        auto load = [&](int d, int block) {
#pragma unroll
            for (int t = 0; t < TILES; t++) {
                long long at = (long long)min(first + t, p.tiles - 1) * p.blocks + block;
                w[d][t] = load_once(p.weights + at * 32 + lane);
                scale[d][t] = __ldg(p.scales + at * 8 + (lane >> 2));
            }
        };
#pragma unroll
        for (int d = 0; d < DEPTH; d++)
            if (wk + d * ALONG < p.blocks) load(d, wk + d * ALONG);
        for (int begin = wk; begin < p.blocks; begin += DEPTH * ALONG) {
#pragma unroll
            for (int d = 0; d < DEPTH; d++) {
                int block = begin + d * ALONG;
                if (block >= p.blocks) break;
                accumulate(acc, w[d], scale[d], p.x + (long long)block * COLUMNS * 64, table + lane, lane);
                if (block + DEPTH * ALONG < p.blocks) load(d, block + DEPTH * ALONG);
            }
        }
        float4 *mine = partial + (wn * ALONG) * TILES * COLUMNS * 32;
        if (ALONG > 1) {
#pragma unroll
            for (int t = 0; t < TILES; t++)
#pragma unroll
                for (int n = 0; n < COLUMNS; n++)
                    mine[(wk * TILES * COLUMNS + t * COLUMNS + n) * 32 + lane] =
                        make_float4(acc[t][n][0], acc[t][n][1], acc[t][n][2], acc[t][n][3]);
            __syncthreads();
        }
#pragma unroll
        for (int f = 0; f < TILES * COLUMNS; f++) {
            const int t = f / COLUMNS, n = f % COLUMNS, tile = first + t;
            if (f % ALONG != wk || tile >= p.tiles) continue;
            float c[4] = {0.f, 0.f, 0.f, 0.f};
            if (ALONG > 1) {
                for (int k = 0; k < ALONG; k++) {
                    float4 part = mine[(k * TILES * COLUMNS + f) * 32 + lane];
                    c[0] += part.x; c[1] += part.y; c[2] += part.z; c[3] += part.w;
                }
            } else {
                for (int i = 0; i < 4; i++) c[i] = acc[t][n][i];
            }
            int m = n * 8 + (lane & 3) * 2;
            float left = p.unit, right = p.unit;
            if (p.squares) { left *= norms[m]; right *= norms[m + 1]; }
            c[0] *= left; c[1] *= right; c[2] *= left; c[3] *= right;
            if (p.bias) {
                float low = p.bias[tile * 16 + (lane >> 2)], high = p.bias[tile * 16 + (lane >> 2) + 8];
                c[0] += low; c[1] += low; c[2] += high; c[3] += high;
            }
            if (p.lora_steps) {
                int2 range = p.lora_range[tile];
                for (int s = range.x; s < range.y; s++) {
                    uint4 a = __ldg(p.lora_b + ((long long)tile * p.lora_steps + s) * 32 + lane);
                    uint2 b = p.lora_low[(s * COLUMNS + n) * 32 + lane];
                    unsigned words[4] = {a.x, a.y, a.z, a.w};
                    mma(c, words, b.x, b.y);
                }
            }
            finish(p, c, tile, n, lane);
        }
        if (ALONG > 1) __syncthreads();
    }
}
