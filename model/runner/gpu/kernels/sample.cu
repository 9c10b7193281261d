// The next token of each row, from the row's own parameters, seed and earlier tokens.
//
// One block a row. Penalties, then temperature, top_k, top_p and min_p in transformers' order; the
// draw is the largest of logit + Gumbel noise (arXiv:1411.0030, section 3) among what is kept, the
// noise a Philox4x32-10 (Salmon et al. 2011) of the row's seed, its step and the token. All sums
// run in a fixed order, so of the same logits a row gets the same token in any batch. Of equal logits
// at the edge of top_k or top_p all are kept.
//
// Compiled with: HELD logits a thread keeps in registers, 0 to read them again each time.
#define THREADS 1024
#define WARPS (THREADS / 32)
#define FLOOR 40.f  // what lies so far below the best logit is never drawn

struct Parameters {
    float temperature, top_p, min_p, repetition, frequency, presence;
    int top_k;   // 0: all
    int slot;    // whose counts these are; -1: an empty row
    unsigned seed_low, seed_high, step;
    int unused;
};

static __device__ void philox(unsigned (&c)[4], unsigned k0, unsigned k1) {
    for (int round = 0; round < 10; round++) {
        unsigned h0 = __umulhi(0xD2511F53u, c[0]), l0 = 0xD2511F53u * c[0];
        unsigned h1 = __umulhi(0xCD9E8D57u, c[2]), l1 = 0xCD9E8D57u * c[2];
        c[0] = h1 ^ c[1] ^ k0; c[1] = l1; c[2] = h0 ^ c[3] ^ k1; c[3] = l0;
        k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
    }
}

static __device__ float gumbel(const Parameters &p, unsigned token) {
    unsigned c[4] = {token, p.step, 0u, 0u};
    philox(c, p.seed_low, p.seed_high);
    float u = ((float)(c[0] >> 8) + 0.5f) * 5.9604644775390625e-8f;  // 24 bits, never 0 or 1
    return -logf(-logf(u));
}

// The same order as floats have, as unsigned numbers.
static __device__ unsigned ordered(float value) {
    unsigned bits = __float_as_uint(value);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static __device__ float from_ordered(unsigned key) {
    return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

static __device__ float block_sum(float value, float *shared) {
    for (int step = 16; step; step /= 2) value += __shfl_xor_sync(~0u, value, step);
    __syncthreads();
    if ((threadIdx.x & 31) == 0) shared[threadIdx.x >> 5] = value;
    __syncthreads();
    value = shared[threadIdx.x & 31];
    for (int step = 16; step; step /= 2) value += __shfl_xor_sync(~0u, value, step);
    return value;
}

// The largest value and its index, the smallest index among equals.
static __device__ void block_best(float &value, int &index, float *shared, int *indices) {
    for (int round = 0; round < 2; round++) {
        for (int step = 16; step; step /= 2) {
            float other = __shfl_xor_sync(~0u, value, step);
            int at = __shfl_xor_sync(~0u, index, step);
            if (other > value || (other == value && at < index)) { value = other; index = at; }
        }
        if (round) return;
        __syncthreads();
        if ((threadIdx.x & 31) == 0) {
            shared[threadIdx.x >> 5] = value;
            indices[threadIdx.x >> 5] = index;
        }
        __syncthreads();
        value = shared[threadIdx.x & 31];
        index = indices[threadIdx.x & 31];
    }
}

struct Row {
    float *logits;
    int vocab;
#if HELD
    float held[HELD];
#endif
    template <class F> __device__ void each(F visit) {
#if HELD
#pragma unroll
        for (int j = 0; j < HELD; j++) {
            int i = threadIdx.x + j * THREADS;
            if (i < vocab) visit(i, held[j]);
        }
#else
        for (int i = threadIdx.x; i < vocab; i += THREADS) visit(i, logits[i]);
#endif
    }
};

// The largest threshold whose kept weight (the sum over logits at or above it) reaches `wanted`.
template <class W>
static __device__ float threshold(Row &row, float low, float high, float wanted, float *shared,
                                  W weight) {
    unsigned fits = ordered(low), over = ordered(high) + 1;  // low always counts as fitting
    while (over - fits > 1) {
        unsigned middle = fits + (over - fits) / 2;
        float cut = from_ordered(middle), sum = 0.f;
        row.each([&](int, float &v) { if (v >= cut) sum += weight(v); });
        if (block_sum(sum, shared) >= wanted) fits = middle; else over = middle;
    }
    return from_ordered(fits);
}

extern "C" __global__ void __launch_bounds__(THREADS) sample(
    float *logits, int vocab, Parameters *parameters,
    unsigned short *counts,  // [slot][vocab]: times in the answer, top bit: seen in the prompt
    long long *next_ids,     // [row] the next step's input
    int *tokens,             // [row] the chosen token, -1 where a logit is not a number
    int *positions, int *lengths, long long *slots) {  // [row] or null: moved on to the next step
    __shared__ float shared[WARPS];
    __shared__ int indices[WARPS];
    const Parameters p = parameters[blockIdx.x];
    if (p.slot < 0) return;
    Row row{logits + (long long)blockIdx.x * vocab, vocab};
    unsigned short *seen = counts + (long long)p.slot * vocab;
    const bool greedy = p.temperature < 1e-5f;
    const bool penalises = p.repetition != 1.f || p.frequency != 0.f || p.presence != 0.f;
    float best = -__int_as_float(0x7f800000), broken = 0.f;
    int token = 0x7fffffff;
    auto prepare = [&](int i, float v) {
        if (penalises) {
            unsigned short count = seen[i];
            if (count && p.repetition != 1.f)
                v = fminf(v > 0.f ? v / p.repetition : v * p.repetition, 3.402823466e38f);
            count &= 0x7fff;
            if (count) v -= p.frequency * count + p.presence;
        }
        if (v != v) broken = 1.f;
        if (v > best) { best = v; token = i; }
        return v;
    };
#if HELD
#pragma unroll
    for (int j = 0; j < HELD; j++) {
        int i = threadIdx.x + j * THREADS;
        if (i < vocab) row.held[j] = prepare(i, row.logits[i]);
    }
#else
    for (int i = threadIdx.x; i < vocab; i += THREADS) row.logits[i] = prepare(i, row.logits[i]);
#endif
    broken = block_sum(broken, shared);
    block_best(best, token, shared, indices);
    if (!greedy) {
        const float top = best, heat = 1.f / p.temperature;
        row.each([&](int, float &v) { v = (v - top) * heat; });
        float cut = -FLOOR;
        if (p.top_k > 0 && p.top_k < vocab)
            cut = threshold(row, cut, 0.f, (float)p.top_k, shared, [](float) { return 1.f; });
        if (p.top_p < 1.f) {
            float sum = 0.f;
            row.each([&](int, float &v) { if (v >= cut) sum += expf(v); });
            float mass = block_sum(sum, shared) * p.top_p;
            cut = threshold(row, cut, 0.f, mass, shared, [](float v) { return expf(v); });
        }
        if (p.min_p > 0.f) cut = fmaxf(cut, logf(p.min_p));
        best = -__int_as_float(0x7f800000);
        token = 0x7fffffff;
        row.each([&](int i, float &v) {
            if (v < cut) return;
            float drawn = v + gumbel(p, i);
            if (drawn > best) { best = drawn; token = i; }
        });
        block_best(best, token, shared, indices);
    }
    if (threadIdx.x) return;
    parameters[blockIdx.x].step = p.step + 1;
    if (positions) {
        positions[blockIdx.x]++;
        lengths[blockIdx.x]++;
        slots[blockIdx.x]++;
    }
    if (broken > 0.f || token >= vocab) {
        tokens[blockIdx.x] = -1;
        next_ids[blockIdx.x] = 0;
        return;
    }
    tokens[blockIdx.x] = token;
    next_ids[blockIdx.x] = token;
    if (penalises && (seen[token] & 0x7fff) != 0x7fff) seen[token]++;
}
