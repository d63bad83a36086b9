// SPDX-License-Identifier: MIT
// Files made to hurt: bombs, deep nesting, huge files, and inputs on which the YAML library hangs.
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "catch.h"
#include "config_fixture.h"

using namespace dropmuon;

namespace {

std::string repeat(const std::string& part, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += part;
  return out;
}

}  // namespace

TEST_CASE("config: an alias bomb is refused where it starts") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb +=
        fmt::format("a{0}: &a{0} [*a{1}{2}]\n", i, i - 1, repeat(fmt::format(", *a{}", i - 1), 8));
  }
  CHECK(refusal(bomb).starts_with("f.yaml:1:5: anchors (&name) are not supported"));
}

TEST_CASE("config: a list that contains itself is refused") {
  CHECK(refusal("name: &a [*a]\n").starts_with("f.yaml:1:7: anchors"));
}

TEST_CASE("config: nesting up to 64 levels is read, one more is refused") {
  const std::string fits = "name: " + repeat("[", 63) + repeat("]", 63) + "\n";
  CHECK(refusal(fits).find("expected text, found a list") != std::string::npos);
  const std::string deep = "name: " + repeat("[", 64) + repeat("]", 64) + "\n";
  CHECK(refusal(deep).starts_with("f.yaml:1:70: nested deeper than 64 levels"));
  CHECK(refusal(repeat("- ", 10000)).find("nested deeper") != std::string::npos);
}

TEST_CASE("config: more than 100000 values are refused") {
  CHECK(refusal("name: [" + repeat("1,", 200000) + "]\n").find("more than 100000 values") !=
        std::string::npos);
}

TEST_CASE("config: a file of 2 MiB is refused by its size, one of 1 MiB is read") {
  CHECK(refusal(std::string(2 << 20, '#')) ==
        "f.yaml: larger than 1 MiB, which no config needs; is it the right file?");
  CHECK(load_text("seed: 7\n#" + std::string((1 << 20) - 9, 'x')).experiment.seed == 7);
  CHECK(refusal("seed: 7\n#" + std::string((1 << 20) - 8, 'x')).find("larger") !=
        std::string::npos);
}

TEST_CASE("config: inputs of a mebibyte that strain a parser end quickly with one message") {
  const int kSize = 1'000'000;
  for (const std::string part :
       {",",    "[",     "{", "? ",   ": ", "- ", "a:", "[a ", "\"a\" ", "!",    "&a ", "*a ",
        "%a\n", "---\n", "]", "a:\t", "\n", "'",  "\"", "|\n", "{a: ",   "a: {", "''"}) {
    INFO(part);
    const auto start = std::chrono::steady_clock::now();
    const std::string message = refusal(repeat(part, kSize / static_cast<int>(part.size())));
    CHECK(split_lines(message).size() == 3);
    CHECK(message.size() < 1000);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
  }
}

TEST_CASE("config: a file that is not there or is a folder is a missing input") {
  const std::string folder = DROPMUON_SOURCE_DIR "/configs";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"no/such.yaml", "no/such.yaml: cannot read this config file: No such file or directory"},
      {folder, folder + ": expected a config file, found a folder"},
  };
  for (const auto& [path, message] : cases) {
    try {
      load_config(path, {});
      FAIL("accepted " << path);
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::missing_input);
      CHECK(error.what() == message);
    }
  }
}
