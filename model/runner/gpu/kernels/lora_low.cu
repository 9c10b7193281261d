// low = x · Aᵀ for the A matrices of all adapters, each row keeping its own adapter's part only.
//
// One block computes 16 ranks: its warps divide the inputs and add up in shared memory. The ranks
// of a group stand in the order (linear, adapter, rank), 16 to a step; what belongs to another
// adapter than the row's is zero by selection, not by multiplication, so nothing of one row can
// reach another.
//
// Compiled with: COLUMNS columns of eight rows, WARPS a block.
#include "fragments.cuh"

extern "C" __global__ void __launch_bounds__(WARPS * 32) lora_low(
    const uint4 *a,         // [step][k-step of 16 inputs][lane], bfloat16, as operand A
    const uint4 *x,         // see fragments.cuh
    const float *squares,   // [parts][COLUMNS·8] or null
    int parts, float eps, int blocks,
    const int *step_adapter,  // [step] the adapter that its 16 ranks belong to
    const int *row_adapter,   // [COLUMNS·8] the row's own, -1 for the base
    uint2 *low) {             // [step][COLUMNS][lane], as operand B
    __shared__ float4 partial[WARPS][COLUMNS][32];
    __shared__ float norms[COLUMNS * 8];
    __shared__ float values[16][COLUMNS * 8];
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, step = blockIdx.x;
    if (squares)
        for (int row = warp; row < COLUMNS * 8; row += WARPS) {
            float sum = 0.f;
            for (int i = lane; i < parts; i += 32) sum += squares[i * COLUMNS * 8 + row];
            for (int s = 1; s < 32; s *= 2) sum += __shfl_xor_sync(~0u, sum, s);
            if (lane == 0) norms[row] = rsqrtf(sum / (blocks * 64) + eps);
        }
    float acc[COLUMNS][4] = {};
    const uint4 *mine = a + (long long)step * blocks * 4 * 32 + lane;
#pragma unroll 2
    for (int block = warp; block < blocks; block += WARPS) {
        uint4 w[4];
#pragma unroll
        for (int s = 0; s < 4; s++) w[s] = __ldg(mine + (block * 4 + s) * 32);
#pragma unroll
        for (int n = 0; n < COLUMNS; n++) {
            const uint4 *at = x + ((long long)block * COLUMNS + n) * 64 + lane;
            uint4 b[2] = {at[0], at[32]};
#pragma unroll
            for (int h = 0; h < 2; h++) {
                unsigned first[4] = {w[2 * h].x, w[2 * h].y, w[2 * h].z, w[2 * h].w};
                unsigned second[4] = {w[2 * h + 1].x, w[2 * h + 1].y, w[2 * h + 1].z, w[2 * h + 1].w};
                mma(acc[n], first, b[h].x, b[h].y);
                mma(acc[n], second, b[h].z, b[h].w);
            }
        }
    }
#pragma unroll
    for (int n = 0; n < COLUMNS; n++)
        partial[warp][n][lane] = make_float4(acc[n][0], acc[n][1], acc[n][2], acc[n][3]);
    __syncthreads();
    for (int n = warp; n < COLUMNS; n += WARPS) {
        float c[4] = {0.f, 0.f, 0.f, 0.f};
        for (int k = 0; k < WARPS; k++) {
            float4 part = partial[k][n][lane];
            c[0] += part.x; c[1] += part.y; c[2] += part.z; c[3] += part.w;
        }
        int g = lane >> 2, m = n * 8 + (lane & 3) * 2;
        for (int i = 0; i < 2; i++) {
            bool own = row_adapter[m + i] == step_adapter[step];
            float norm = squares ? norms[m + i] : 1.f;
            values[g][m + i] = own ? c[i] * norm : 0.f;
            values[g + 8][m + i] = own ? c[2 + i] * norm : 0.f;
        }
        __syncwarp();
        int row = n * 8 + (lane >> 2), k = (lane & 3) * 2;
        low[((long long)step * COLUMNS + n) * 32 + lane] =
            make_uint2(pack(values[k][row], values[k + 1][row]),
                       pack(values[k + 8][row], values[k + 9][row]));
    }
}
