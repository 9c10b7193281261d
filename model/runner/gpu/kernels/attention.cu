// Attention of one new token a row over the row's own cached keys and values.
//
// A block takes one row, one key/value head with the GROUP query heads that share it, and one of
// `splits` parts of the row's keys; HEAD_DIM / 8 lanes share a key. The last block of a row and head
// to finish joins the parts (flash-decoding), always in the same order, so the result does not
// depend on which one that is.
//
// Compiled with: HEAD_DIM, GROUP, COLUMNS columns of eight rows in the output, BLOCK_TOKENS,
// CACHE_BYTES of a cached number: 2 for bfloat16, 1 for e4m3.
#include "fragments.cuh"

#define WARPS 4
#define LANES (HEAD_DIM / 8)
#define KEYS (32 / LANES)  // that a warp takes at once
#define PARTS (WARPS * KEYS)
#define AHEAD 4  // keys whose loads are under way together

static __device__ __forceinline__ void unpack(float (&to)[8], uint4 from) {
    unsigned words[4] = {from.x, from.y, from.z, from.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        to[2 * i] = bf16_low(words[i]);
        to[2 * i + 1] = bf16_high(words[i]);
    }
}

#if CACHE_BYTES == 2
typedef uint4 Cached;  // eight numbers
#else
typedef uint2 Cached;

static __device__ __forceinline__ void unpack(float (&to)[8], uint2 from) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
        to[i] = from_e4m3(from.x >> 8 * i);
        to[i + 4] = from_e4m3(from.y >> 8 * i);
    }
}
#endif

extern "C" __global__ void __launch_bounds__(WARPS * 32) attention(
    const uint4 *queries,           // [rows][heads][head_dim], bfloat16
    const Cached *cache,            // [slot][2 · kv heads][head_dim] of this layer
    const int *lengths,             // [rows] keys to see, the new one included
    const int *tables,              // [rows][table_width] cache blocks
    int table_width, int kv_heads, float scale,
    float *parts,                   // [rows][kv heads][splits][GROUP][head_dim + 2]
    unsigned *arrived,              // [rows][kv heads], zero before and after
    bfloat16 *out) {                // the next product's x, see fragments.cuh
    const int split = blockIdx.x, splits = gridDim.x, kv = blockIdx.y, row = blockIdx.z;
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const int sub = lane / LANES, at = lane % LANES, part = warp * KEYS + sub;
    const int length = lengths[row], share = ((length + splits - 1) / splits + PARTS - 1) / PARTS * PARTS;
    const int begin = split * share, end = min(length, begin + share);
    __shared__ float sums[PARTS][GROUP][HEAD_DIM];
    __shared__ float tops[PARTS][GROUP], totals[PARTS][GROUP];
    __shared__ bool last;

    float q[GROUP][8], acc[GROUP][8] = {}, top[GROUP], total[GROUP];
#pragma unroll
    for (int h = 0; h < GROUP; h++) {
        unpack(q[h], queries[((row * kv_heads + kv) * GROUP + h) * LANES + at]);
#pragma unroll
        for (int i = 0; i < 8; i++) q[h][i] *= scale;
        top[h] = -1e30f;
        total[h] = 0.f;
    }
    const int *table = tables + (long long)row * table_width;
    for (int first = begin + part; first < begin + share; first += PARTS * AHEAD) {
        Cached keys[AHEAD], values[AHEAD];
#pragma unroll
        for (int u = 0; u < AHEAD; u++) {
            int key = min(first + u * PARTS, length - 1);
            long long slot = (long long)table[key / BLOCK_TOKENS] * BLOCK_TOKENS + key % BLOCK_TOKENS;
            const Cached *base = cache + (slot * 2 * kv_heads + kv) * LANES + at;
            keys[u] = __ldg(base);
            values[u] = __ldg(base + kv_heads * LANES);
        }
        float dots[AHEAD][GROUP];
#pragma unroll
        for (int u = 0; u < AHEAD; u++) {
            float k[8];
            unpack(k, keys[u]);
#pragma unroll
            for (int h = 0; h < GROUP; h++) {
                float dot = 0.f;
#pragma unroll
                for (int i = 0; i < 8; i++) dot += q[h][i] * k[i];
#pragma unroll
                for (int step = 1; step < LANES; step *= 2) dot += __shfl_xor_sync(~0u, dot, step);
                dots[u][h] = first + u * PARTS < end ? dot : -1e30f;
            }
        }
#pragma unroll
        for (int h = 0; h < GROUP; h++) {
            float best = top[h];
#pragma unroll
            for (int u = 0; u < AHEAD; u++) best = fmaxf(best, dots[u][h]);
            float keep = exp2f(top[h] - best);
            top[h] = best;
            total[h] *= keep;
#pragma unroll
            for (int i = 0; i < 8; i++) acc[h][i] *= keep;
        }
#pragma unroll
        for (int u = 0; u < AHEAD; u++) {
            float v[8];
            unpack(v, values[u]);
            if (first + u * PARTS < end) {
#pragma unroll
                for (int h = 0; h < GROUP; h++) {
                    float weight = exp2f(dots[u][h] - top[h]);
                    total[h] += weight;
#pragma unroll
                    for (int i = 0; i < 8; i++) acc[h][i] += weight * v[i];
                }
            }
        }
    }
#pragma unroll
    for (int h = 0; h < GROUP; h++) {
#pragma unroll
        for (int i = 0; i < 8; i++) sums[part][h][at * 8 + i] = acc[h][i];
        if (at == 0) {
            tops[part][h] = top[h];
            totals[part][h] = total[h];
        }
    }
    __syncthreads();
    float *mine = parts + (((long long)row * kv_heads + kv) * splits + split) * GROUP * (HEAD_DIM + 2);
    for (int i = threadIdx.x; i < GROUP * HEAD_DIM; i += WARPS * 32) {
        int h = i / HEAD_DIM, d = i % HEAD_DIM;
        float best = -1e30f, sum = 0.f, whole = 0.f;
        for (int k = 0; k < PARTS; k++) best = fmaxf(best, tops[k][h]);
        for (int k = 0; k < PARTS; k++) {
            float weight = exp2f(tops[k][h] - best);
            whole += totals[k][h] * weight;
            sum += sums[k][h][d] * weight;
        }
        if (splits == 1) {
            store_x<COLUMNS>(out, row, (kv * GROUP + h) * HEAD_DIM + d, sum / whole);
            continue;
        }
        mine[h * (HEAD_DIM + 2) + d] = sum;
        if (d == 0) {
            mine[h * (HEAD_DIM + 2) + HEAD_DIM] = best;
            mine[h * (HEAD_DIM + 2) + HEAD_DIM + 1] = whole;
        }
    }
    if (splits == 1) return;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        unsigned before = atomicAdd(&arrived[row * kv_heads + kv], 1u);
        last = before == splits - 1;
        if (last) arrived[row * kv_heads + kv] = 0;
    }
    __syncthreads();
    if (!last) return;
    __threadfence();
    const float *all = parts + ((long long)row * kv_heads + kv) * splits * GROUP * (HEAD_DIM + 2);
    for (int i = threadIdx.x; i < GROUP * HEAD_DIM; i += WARPS * 32) {
        int h = i / HEAD_DIM, d = i % HEAD_DIM;
        float best = -1e30f, sum = 0.f, whole = 0.f;
        for (int k = 0; k < splits; k++)
            best = fmaxf(best, __ldcg(all + (k * GROUP + h) * (HEAD_DIM + 2) + HEAD_DIM));
        for (int k = 0; k < splits; k++) {
            const float *from = all + (k * GROUP + h) * (HEAD_DIM + 2);
            float weight = exp2f(__ldcg(from + HEAD_DIM) - best);
            whole += __ldcg(from + HEAD_DIM + 1) * weight;
            sum += __ldcg(from + d) * weight;
        }
        store_x<COLUMNS>(out, row, (kv * GROUP + h) * HEAD_DIM + d, sum / whole);
    }
}
