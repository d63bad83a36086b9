// SPDX-License-Identifier: MIT
// How threads wait for each other at the end of a parallel loop, as the environment says it to
// GCC's OpenMP runtime: by OMP_WAIT_POLICY or GOMP_SPINCOUNT, where it understands their values.
#pragma once

#include <cstdint>

namespace dropmuon {

inline const char* after_blanks(const char* text) {
  while (*text == ' ' || (*text >= '\t' && *text <= '\r')) ++text;
  return text;
}

// Behind `word`, written in small letters, if `text` begins with it in any letters; else null.
inline const char* behind_word(const char* text, const char* word) {
  for (; *word != '\0'; ++word, ++text) {
    const char small = *text >= 'A' && *text <= 'Z' ? static_cast<char>(*text + 32) : *text;
    if (small != *word) return nullptr;
  }
  return text;
}

// Whether `text` is one of two words, blanks around it set aside.
inline bool is_either(const char* text, const char* one, const char* other) {
  text = after_blanks(text);
  const char* end = behind_word(text, one);
  if (end == nullptr) end = behind_word(text, other);
  return end != nullptr && *after_blanks(end) == '\0';
}

inline bool is_wait_policy(const char* text) { return is_either(text, "active", "passive"); }

// How often a thread looks by a value of GOMP_SPINCOUNT.
enum class Spins { not_understood, counted, endless };

// "infinite", or a whole number of 64 bits with k, m, g or t behind it. A number below zero, which
// the runtime takes for one just below 2^64, never ends either.
inline Spins spins_of(const char* text) {
  if (is_either(text, "infinite", "infinity")) return Spins::endless;
  text = after_blanks(text);
  const bool is_negative = *text == '-';
  if (*text == '-' || *text == '+') ++text;
  if (*text < '0' || *text > '9') return Spins::not_understood;
  std::uint64_t number = 0;
  for (; *text >= '0' && *text <= '9'; ++text) {
    const auto digit = static_cast<std::uint64_t>(*text - '0');
    if (number > (UINT64_MAX - digit) / 10) return Spins::not_understood;
    number = number * 10 + digit;
  }
  text = after_blanks(text);
  for (const char* unit = "kmgtKMGT"; *unit != '\0'; ++unit) {
    if (*text != *unit) continue;
    ++text;
    break;
  }
  if (*after_blanks(text) != '\0') return Spins::not_understood;
  return is_negative && number > 0 ? Spins::endless : Spins::counted;
}

}  // namespace dropmuon
