// Numbers and layouts that all kernels share. Nothing is included: NVRTC needs no headers.
//
// The inputs x of a product lie in the order in which mma.m16n8k16 takes its operand B: for a block
// of 64 inputs and eight rows, half h (of 32 inputs) and lane, the 16 bytes hold the lane's two
// words of k-step 2h and those of k-step 2h + 1. Row m, input k stands in block k / 64, column
// m / 8, k-step (k % 64) / 16, lane (m % 8) · 4 + (k % 8) / 2, word (k % 16) / 8, half k % 2.
typedef unsigned short bfloat16;

static __device__ __forceinline__ unsigned pack(float low, float high) {
    unsigned out;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
    return out;
}

static __device__ __forceinline__ bfloat16 bf16(float value) {
    bfloat16 out;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(out) : "f"(value));
    return out;
}

static __device__ __forceinline__ float bf16_low(unsigned pair) {
    return __uint_as_float(pair << 16);
}

static __device__ __forceinline__ float bf16_high(unsigned pair) {
    return __uint_as_float(pair & 0xffff0000u);
}

static __device__ __forceinline__ float half_low(unsigned pair) {
    float out;
    asm("{.reg .f16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, l;}" : "=f"(out) : "r"(pair));
    return out;
}

static __device__ __forceinline__ float half_high(unsigned pair) {
    float out;
    asm("{.reg .f16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, h;}" : "=f"(out) : "r"(pair));
    return out;
}

// c += A (16 × 16) · B (16 × 8), bfloat16 with float32 sums; compute capability 8.0 and later.
static __device__ __forceinline__ void mma(float (&c)[4], const unsigned (&a)[4], unsigned b0,
                                           unsigned b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// 16 bytes that nobody reads again: kept out of the L1 cache.
static __device__ __forceinline__ uint4 load_once(const uint4 *from) {
    uint4 out;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(out.x), "=r"(out.y), "=r"(out.z), "=r"(out.w)
                 : "l"(from));
    return out;
}

// A number of one byte, OCP's e4m3 (4 bits of exponent, 3 of mantissa, no infinities), without the
// conversions that only compute capability 8.9 and later have. Beyond 448 it is 448.
static __device__ __forceinline__ unsigned char to_e4m3(float value) {
    unsigned sign = __float_as_uint(value) >> 24 & 0x80u;
    if (value != value) return sign | 0x7fu;
    unsigned bits = __float_as_uint(fminf(fabsf(value), 448.f) * 0x1p-120f);
    return sign | (bits + 0x7ffffu + (bits >> 20 & 1u)) >> 20;  // to the nearest, halves to even
}

// `byte` is the lowest of the word; a NaN comes back as 480.
static __device__ __forceinline__ float from_e4m3(unsigned word) {
    return __uint_as_float((word & 0x80u) << 24 | (word & 0x7fu) << 20) * 0x1p120f;
}

// Store input k of row m of an x with `columns` columns of eight rows.
template <int columns>
static __device__ __forceinline__ void store_x(bfloat16 *x, int m, int k, float value) {
    int step = (k & 63) >> 4, word = (k & 15) >> 3, lane = (m & 7) * 4 + ((k & 7) >> 1);
    long long piece = ((long long)(k >> 6) * columns + (m >> 3)) * 2 + (step >> 1);
    x[(piece * 32 + lane) * 8 + (step & 1) * 4 + word * 2 + (k & 1)] = bf16(value);
}

static __device__ __forceinline__ void add(float4 &to, float4 value) {
    to.x += value.x; to.y += value.y; to.z += value.z; to.w += value.w;
}

// 16 bytes from device memory into shared memory, past the registers.
static __device__ __forceinline__ void copy_async(void *shared, const void *from) {
    unsigned to = (unsigned)__cvta_generic_to_shared(shared);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from));
}

static __device__ __forceinline__ void commit_async() {
    asm volatile("cp.async.commit_group;");
}

template <int pending>
static __device__ __forceinline__ void wait_async() {
    asm volatile("cp.async.wait_group %0;" ::"n"(pending));
}

static __device__ __forceinline__ void barrier(int id, int threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
