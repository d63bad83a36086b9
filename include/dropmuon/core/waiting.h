// SPDX-License-Identifier: MIT
// How threads wait for each other at the end of a parallel loop.
#pragma once

namespace dropmuon {

// The setting of GCC's OpenMP runtime that this program starts itself with where the environment
// says neither OMP_WAIT_POLICY nor GOMP_SPINCOUNT: a waiting thread looks that many times, which
// bridges the short pauses between two loops, and then sleeps. By default it looks 300,000 times,
// some milliseconds, in which the thread that it waits for may be kept from its processor by it.
inline constexpr const char* kBoundedSpinning = "GOMP_SPINCOUNT=1000";

}  // namespace dropmuon
