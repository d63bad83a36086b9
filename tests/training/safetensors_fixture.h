// SPDX-License-Identifier: MIT
// Safetensors files byte by byte, and what the reader says of them.
#pragma once

#include <cstdint>
#include <string>

#include "catch.h"
#include <dropmuon/core/error.h>
#include <dropmuon/training/safetensors.h>

inline std::string with_length(std::uint64_t length, const std::string& rest) {
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + rest;
}

inline std::string with_header(const std::string& header, std::size_t data) {
  return with_length(header.size(), header + std::string(data, '\1'));
}

// What the reader says; empty if it accepts.
inline std::string safetensors_refusal(const std::string& bytes) {
  try {
    dropmuon::read_safetensors(bytes, "w.safetensors");
  } catch (const dropmuon::Error& error) {
    CHECK(error.code() == dropmuon::ExitCode::bad_data);
    CHECK_THAT(error.what(), Catch::StartsWith("w.safetensors: "));
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return error.what();
  }
  return "";
}
