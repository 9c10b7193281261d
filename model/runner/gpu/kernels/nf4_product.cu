// y = x · Wᵀ for a few rows of x and a matrix W in NF4, as one decode step needs it.
//
// The weights are operand A of mma.m16n8k16 and the rows of the batch its eight columns B, so the
// tensor cores' work grows in steps of eight rows while the weights are read once. Weights lie in
// tiles of 16 outputs × 64 inputs, in the order in which the lanes of a warp need them
// (model/runner/gpu/tiles.py): one 16-byte load a lane feeds four MMAs. A byte, two 4-bit codes,
// becomes a pair of bfloat16 by one look-up in a table of which each lane has its own copy, so no
// two lanes meet in a bank.
//
// Compiled with: COLUMNS of eight rows, TILES a warp, ACROSS × ALONG warps a block (ALONG of them
// divide the inputs of the same outputs and add up at the end), DEPTH loads of weights ahead, STAGES
// of x in shared memory for the ACROSS warps that read the same (0: each reads it by itself, which
// suits few rows), EPILOGUE (below), for QKV CACHE_BYTES of a cached number: 2 for bfloat16, 1 for e4m3.
//
// Adapters: y += B · low with low = A · x of the row's own adapter. The blocks of the same launch
// compute low first, in slices of the inputs; whoever finishes the last slice adds them up, always
// in the same order, and raises a flag for which the ends of the products wait. The grid is never
// larger than what the device runs at once, so nobody waits for a block that cannot start; for the
// same reason no two of these launches may run beside each other on two streams.
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
    const uint4 *lora_a;          // [lora step][k-step of 16 inputs][lane], bfloat16
    const int *lora_owner;        // [lora step] the adapter that its 16 ranks belong to
    const int *row_adapter;       // [COLUMNS·8] each row's adapter, -1 for the base
    float4 *lora_slices;          // [lora step][slices][COLUMNS][lane]
    uint2 *lora_low;              // [lora step][COLUMNS][lane], bfloat16
    unsigned *lora_state;         // slices done, low is ready, blocks done; zero between launches
    const int2 *lora_range;       // [tile] the steps that its outputs need, end excluded
    const float *code;            // the 16 values of NF4
    void *out;                    // PLAIN: y. QKV: q. RESIDUAL and GATE_UP: the next x
    float *residual;              // RESIDUAL: [rows][outputs]
    const float *norm;            // RESIDUAL: [outputs] the next norm's weight
    float *next_squares;          // RESIDUAL: [tile][COLUMNS·8]
    void *cache;                  // QKV: [slot][2 · kv heads][head_dim] of this layer
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
    int slices;
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
        if (head < p.heads) {
            bfloat16 *to = (bfloat16 *)p.out + ((m + i) * p.heads + head) * p.head_dim;
            to[d] = bf16(first);
            to[d + half] = bf16(second);
        } else {
            long long at = (p.slots[m + i] * 2 * p.kv_heads + head - p.heads) * p.head_dim + d;
#if CACHE_BYTES == 2
            ((bfloat16 *)p.cache)[at] = bf16(first);
            ((bfloat16 *)p.cache)[at + half] = bf16(second);
#else
            ((unsigned char *)p.cache)[at] = to_e4m3(first);
            ((unsigned char *)p.cache)[at + half] = to_e4m3(second);
#endif
        }
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

#define WARPS (ACROSS * ALONG)

// The step's 16 ranks (as rows) of every row of x, one slice of the inputs; and, from whoever is
// last, low itself.
static __device__ void multiply_low(const Product &p, float4 *partial, const float *norms) {
    __shared__ bool last;
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const int units = p.lora_steps * p.slices, share = (p.blocks + p.slices - 1) / p.slices;
    for (int unit = blockIdx.x; unit < units; unit += gridDim.x) {
        int step = unit / p.slices, begin = unit % p.slices * share;
        int end = min(p.blocks, begin + share);
        float acc[COLUMNS][4] = {};
        for (int block = begin + warp; block < end; block += WARPS) {
            const uint4 *from = p.lora_a + ((long long)step * p.blocks + block) * 128 + lane;
            uint4 w[4];
#pragma unroll
            for (int s = 0; s < 4; s++) w[s] = __ldg(from + s * 32);
#pragma unroll
            for (int n = 0; n < COLUMNS; n++) {
                const uint4 *at = p.x + ((long long)block * COLUMNS + n) * 64 + lane;
                uint4 b[2] = {at[0], at[32]};
#pragma unroll
                for (int h = 0; h < 2; h++) {
                    unsigned first[4] = {w[2 * h].x, w[2 * h].y, w[2 * h].z, w[2 * h].w};
                    unsigned second[4] = {w[2 * h + 1].x, w[2 * h + 1].y, w[2 * h + 1].z,
                                          w[2 * h + 1].w};
                    mma(acc[n], first, b[h].x, b[h].y);
                    mma(acc[n], second, b[h].z, b[h].w);
                }
            }
        }
#pragma unroll
        for (int n = 0; n < COLUMNS; n++)
            partial[(warp * COLUMNS + n) * 32 + lane] =
                make_float4(acc[n][0], acc[n][1], acc[n][2], acc[n][3]);
        __syncthreads();
        for (int i = threadIdx.x; i < COLUMNS * 32; i += WARPS * 32) {
            float4 sum = partial[i];
            for (int k = 1; k < WARPS; k++) add(sum, partial[k * COLUMNS * 32 + i]);
            __stcg(p.lora_slices + (long long)unit * COLUMNS * 32 + i, sum);
        }
        __threadfence();
        __syncthreads();
        if (threadIdx.x == 0) last = atomicAdd(p.lora_state, 1u) == units - 1;
        __syncthreads();
        if (!last) continue;
        __threadfence();
        float *values = (float *)(partial + warp * 32);  // [16 ranks][8 rows]
        for (int i = warp; i < p.lora_steps * COLUMNS; i += WARPS) {
            int at = i / COLUMNS, n = i % COLUMNS, g = lane >> 2, q = lane & 3, m = n * 8 + q * 2;
            const float4 *from = p.lora_slices + ((long long)at * p.slices * COLUMNS + n) * 32 + lane;
            float4 c = make_float4(0.f, 0.f, 0.f, 0.f);
            for (int k = 0; k < p.slices; k++) add(c, __ldcg(from + k * COLUMNS * 32));
            // Selected, not multiplied by zero: nothing of one row can reach another.
            bool left = p.row_adapter[m] == p.lora_owner[at];
            bool right = p.row_adapter[m + 1] == p.lora_owner[at];
            float low = p.squares ? norms[m] : 1.f, high = p.squares ? norms[m + 1] : 1.f;
            __syncwarp();
            values[g * 8 + q * 2] = left ? c.x * low : 0.f;
            values[g * 8 + q * 2 + 1] = right ? c.y * high : 0.f;
            values[(g + 8) * 8 + q * 2] = left ? c.z * low : 0.f;
            values[(g + 8) * 8 + q * 2 + 1] = right ? c.w * high : 0.f;
            __syncwarp();
            int k = q * 2;
            __stcg(p.lora_low + i * 32 + lane,
                   make_uint2(pack(values[k * 8 + g], values[(k + 1) * 8 + g]),
                              pack(values[(k + 8) * 8 + g], values[(k + 9) * 8 + g])));
        }
        __threadfence();
        __syncthreads();
        if (threadIdx.x == 0) atomicExch(p.lora_state + 1, 1u);
    }
}

extern "C" __global__ void __launch_bounds__(WARPS * 32) nf4_product(const Product p) {
    extern __shared__ unsigned shared[];
    unsigned *table = shared;                            // [256][32]
    float *norms = (float *)(shared + 8192);             // [COLUMNS·8] one over the root mean square
    float4 *partial = (float4 *)(norms + COLUMNS * 8);   // [ACROSS][ALONG][TILES·COLUMNS][32]
#if STAGES
    uint4 *staged = (uint4 *)partial;                    // [ALONG][STAGES][COLUMNS·64], before that
#endif
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
    if (p.lora_steps) multiply_low(p, partial, norms);
    bool waited = false;

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
#if STAGES
        uint4 *mine_x = staged + wk * STAGES * COLUMNS * 64;
        auto stage = [&](int i) {
            int block = wk + i * ALONG;
            if (block < p.blocks) {
                const uint4 *from = p.x + (long long)block * COLUMNS * 64;
                uint4 *to = mine_x + i % STAGES * COLUMNS * 64;
                for (int k = wn * 32 + lane; k < COLUMNS * 64; k += ACROSS * 32)
                    copy_async(to + k, from + k);
            }
            commit_async();
        };
        __syncthreads();  // the last group's sums stood where x goes
        for (int i = 0; i < STAGES - 1; i++) stage(i);
#endif
        for (int begin = wk; begin < p.blocks; begin += DEPTH * ALONG) {
#pragma unroll
            for (int d = 0; d < DEPTH; d++) {
                int block = begin + d * ALONG;
                if (block >= p.blocks) break;
#if STAGES
                int i = (block - wk) / ALONG;
                wait_async<STAGES - 2>();
                barrier(1 + wk, ACROSS * 32);
                stage(i + STAGES - 1);
                const uint4 *x = mine_x + i % STAGES * COLUMNS * 64;
#else
                const uint4 *x = p.x + (long long)block * COLUMNS * 64;
#endif
                accumulate(acc, w[d], scale[d], x, table + lane, lane);
                if (block + DEPTH * ALONG < p.blocks) load(d, block + DEPTH * ALONG);
            }
        }
#if STAGES
        wait_async<0>();
        __syncthreads();
#endif
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
                if (!waited) {
                    while (*(volatile unsigned *)(p.lora_state + 1) == 0) {}
                    __threadfence();
                    waited = true;
                }
                int2 range = p.lora_range[tile];
                for (int s = range.x; s < range.y; s++) {
                    uint4 a = __ldg(p.lora_b + ((long long)tile * p.lora_steps + s) * 32 + lane);
                    uint2 b = __ldcg(p.lora_low + (s * COLUMNS + n) * 32 + lane);
                    unsigned words[4] = {a.x, a.y, a.z, a.w};
                    mma(c, words, b.x, b.y);
                }
            }
            finish(p, c, tile, n, lane);
        }
        if (ALONG > 1) __syncthreads();
    }
    if (p.lora_steps) {
        __syncthreads();
        if (threadIdx.x == 0 && atomicAdd(p.lora_state + 2, 1u) == gridDim.x - 1)
            p.lora_state[0] = p.lora_state[1] = p.lora_state[2] = 0;
    }
}
