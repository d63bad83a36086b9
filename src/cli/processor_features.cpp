// SPDX-License-Identifier: MIT
// Constants only: code in this file may need what it lists. The numbers are of Intel's manual,
// volume 2, CPUID, and of volume 1, 13.3, for XCR0. AMX has registers of its own in there, too: the
// compiler uses none, and oneDNN asks the system before it does.
#include "processor_features.h"

namespace dropmuon {
namespace {

[[maybe_unused]] constexpr std::uint32_t kAvxState = 0x06;     // SSE, AVX
[[maybe_unused]] constexpr std::uint32_t kAvx512State = 0xE6;  // and masks, upper halves, ZMM16..31

}  // namespace

constinit const ProcessorFeature kNeededFeatures[] = {
#ifdef __SSE3__
    {"sse3", 1, 0, Register::ecx, 1U << 0},
#endif
#ifdef __SSSE3__
    {"ssse3", 1, 0, Register::ecx, 1U << 9},
#endif
#ifdef __SSE4_1__
    {"sse4.1", 1, 0, Register::ecx, 1U << 19},
#endif
#ifdef __SSE4_2__
    {"sse4.2", 1, 0, Register::ecx, 1U << 20},
#endif
#ifdef __MOVBE__
    {"movbe", 1, 0, Register::ecx, 1U << 22},
#endif
#ifdef __POPCNT__
    {"popcnt", 1, 0, Register::ecx, 1U << 23},
#endif
#ifdef __AVX__
    {"avx", 1, 0, Register::ecx, 1U << 28},
#endif
#ifdef __F16C__
    {"f16c", 1, 0, Register::ecx, 1U << 29},
#endif
#ifdef __FMA__
    {"fma", 1, 0, Register::ecx, 1U << 12},
#endif
#ifdef __LZCNT__
    {"lzcnt", 0x80000001, 0, Register::ecx, 1U << 5},
#endif
#ifdef __BMI__
    {"bmi1", 7, 0, Register::ebx, 1U << 3},
#endif
#ifdef __AVX2__
    {"avx2", 7, 0, Register::ebx, 1U << 5},
#endif
#ifdef __BMI2__
    {"bmi2", 7, 0, Register::ebx, 1U << 8},
#endif
#ifdef __AVX512F__
    {"avx512f", 7, 0, Register::ebx, 1U << 16},
#endif
#ifdef __AVX512DQ__
    {"avx512dq", 7, 0, Register::ebx, 1U << 17},
#endif
#ifdef __AVX512CD__
    {"avx512cd", 7, 0, Register::ebx, 1U << 28},
#endif
#ifdef __AVX512BW__
    {"avx512bw", 7, 0, Register::ebx, 1U << 30},
#endif
#ifdef __AVX512VL__
    {"avx512vl", 7, 0, Register::ebx, 1U << 31},
#endif
#ifdef __AVX512IFMA__
    {"avx512ifma", 7, 0, Register::ebx, 1U << 21},
#endif
#ifdef __AVX512VBMI__
    {"avx512vbmi", 7, 0, Register::ecx, 1U << 1},
#endif
#ifdef __AVX512VBMI2__
    {"avx512vbmi2", 7, 0, Register::ecx, 1U << 6},
#endif
#ifdef __GFNI__
    {"gfni", 7, 0, Register::ecx, 1U << 8},
#endif
#ifdef __AVX512VNNI__
    {"avx512vnni", 7, 0, Register::ecx, 1U << 11},
#endif
#ifdef __AVX512BITALG__
    {"avx512bitalg", 7, 0, Register::ecx, 1U << 12},
#endif
#ifdef __AVX512VPOPCNTDQ__
    {"avx512vpopcntdq", 7, 0, Register::ecx, 1U << 14},
#endif
// Last, so that they are only named where the processor itself has what it takes.
#ifdef __AVX__
    {"avx registers that the system saves", 0, 0, Register::xcr0, kAvxState},
#endif
#ifdef __AVX512F__
    {"avx512 registers that the system saves", 0, 0, Register::xcr0, kAvx512State},
#endif
    {nullptr, 0, 0, Register::ebx, 0}};

}  // namespace dropmuon
