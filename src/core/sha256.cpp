// SPDX-License-Identifier: MIT
#include <array>

#include <openssl/sha.h>

#include <dropmuon/core/error.h>
#include <dropmuon/core/sha256.h>

namespace dropmuon {

std::string sha256(std::span<const std::byte> bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string out;
  for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

std::string sha256(const std::string& text) {
  return sha256(std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace dropmuon
