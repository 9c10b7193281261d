// The ends of a decode step: token ids into the residual stream, and the stream into plain rows for
// the vocabulary's product.
//
// Compiled with: COLUMNS columns of eight rows.
#include "fragments.cuh"

#define THREADS 256

static __device__ float block_sum(float value) {
    __shared__ float parts[THREADS / 32];
    for (int step = 1; step < 32; step *= 2) value += __shfl_xor_sync(~0u, value, step);
    if ((threadIdx.x & 31) == 0) parts[threadIdx.x >> 5] = value;
    __syncthreads();
    float sum = 0.f;
    for (int i = 0; i < THREADS / 32; i++) sum += parts[i];
    return sum;
}

// One block a row: residual = embedding[id]; x = residual · norm, its sum of squares as part 0.
extern "C" __global__ void __launch_bounds__(THREADS) embed(
    const long long *ids, const bfloat16 *embedding, const float *norm, int hidden,
    float *residual, bfloat16 *x, float *squares, int parts) {
    int row = blockIdx.x;
    const bfloat16 *from = embedding + ids[row] * hidden;
    float sum = 0.f;
    for (int k = threadIdx.x; k < hidden; k += THREADS) {
        float value = __uint_as_float((unsigned)from[k] << 16);
        residual[(long long)row * hidden + k] = value;
        store_x<COLUMNS>(x, row, k, value * norm[k]);
        sum += value * value;
    }
    sum = block_sum(sum);
    for (int i = threadIdx.x; i < parts; i += THREADS) squares[i * COLUMNS * 8 + row] = i ? 0.f : sum;
}

// One block a row: the last norm, as plain rows.
extern "C" __global__ void __launch_bounds__(THREADS) last_norm(
    const float *residual, const float *norm, float eps, int hidden, bfloat16 *out) {
    int row = blockIdx.x;
    const float *from = residual + (long long)row * hidden;
    float sum = 0.f;
    for (int k = threadIdx.x; k < hidden; k += THREADS) sum += from[k] * from[k];
    float scale = rsqrtf(block_sum(sum) / hidden + eps);
    for (int k = threadIdx.x; k < hidden; k += THREADS)
        out[(long long)row * hidden + k] = bf16(from[k] * scale * norm[k]);
}
