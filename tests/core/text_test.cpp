// SPDX-License-Identifier: MIT
#include <filesystem>
#include <fstream>
#include <vector>

#include <unistd.h>

#include "catch.h"
#include <dropmuon/core/error.h>
#include <dropmuon/core/log.h>
#include <dropmuon/core/path_text.h>
#include <dropmuon/core/sha256.h>
#include <dropmuon/core/shape.h>
#include <dropmuon/core/text.h>

using namespace dropmuon;

TEST_CASE("numbers read as people write them") {
  CHECK(human_bytes(512) == "512 B");
  CHECK(human_bytes(47'040'016) == "47 MB");
  CHECK(human_bytes(1.5e9) == "1.5 GB");
  CHECK(human_count(394634) == "395 k");
  CHECK(human_count(7) == "7");
  CHECK(human_seconds(4.21) == "4.2 s");
  CHECK(human_seconds(185) == "3:05 min");
  CHECK(human_seconds(3723) == "1:02:03 h");
}

TEST_CASE("SHA-256 gives the FIPS 180 examples") {
  CHECK(sha256(std::string("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256(std::string()) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("a shape knows its size and refuses what is none") {
  CHECK(Shape{64, 3, 3, 1}.size() == 576);
  CHECK(Shape{64, 3, 3, 1}.text() == "(64, 3, 3, 1)");
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK_FALSE(Shape{2, 3} == Shape{3, 2});
  CHECK_THROWS_AS((Shape{1, 2, 3, 4, 5}), Error);
  CHECK_THROWS_AS((Shape{1, 0}), Error);
}

TEST_CASE("words for a shell are quoted where they must be") {
  for (const std::string plain : {"runs/a-b_1", "/data/x.y", "train.epochs=3", "a:b,c+d@e%f"}) {
    CHECK(shell_quoted(plain) == plain);
  }
  CHECK(shell_quoted("") == "''");
  CHECK(shell_quoted("/no data/~x") == "'/no data/~x'");
  CHECK(shell_quoted("it's $HOME") == "'it'\\''s $HOME'");
  CHECK(shell_quoted("\xc3\xbc") == "'\xc3\xbc'");
}

TEST_CASE("control characters are named, and nothing else is") {
  CHECK(controls_named("a\nb\tc\x1b[31m\x7f\r") ==
        "a<U+000A>b<U+0009>c<U+001B>[31m<U+007F><U+000D>");
  CHECK(controls_named(std::string("\0", 1)) == "<U+0000>");
  CHECK(controls_named("a\xc2\x9b"
                       "b\xc2\x85") == "a<U+009B>b<U+0085>");
  for (const std::string text :
       {"", "a b", "\xc3\xbc\xc2\xa0", "\xc2", "\xe6\x97\xa5", "\xff\x9b"}) {
    CHECK(controls_named(text) == text);
  }
}

TEST_CASE("an error is one line whatever it quotes, its excerpt apart") {
  CHECK_THROWS_WITH(fail(ExitCode::usage, "no {}", "a\nb"), Catch::Equals("no a<U+000A>b"));
  const Error error(ExitCode::bad_config, "a\nb: bad", "line\n ^");
  CHECK(std::string(error.what()) == "a<U+000A>b: bad\nline\n ^");
}

TEST_CASE("the log has one line for each message, whatever it quotes") {
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("dropmuon-log-{}", getpid())).string();
  log::set_level(log::Level::off);
  log::open_file(path);
  log::info("{}", "a\nb");
  log::warning("{}", "c\rd");
  log::close_file();
  log::set_level(log::Level::info);
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  std::filesystem::remove(path);
  REQUIRE(lines.size() == 2);
  CHECK_THAT(lines[0], Catch::EndsWith(" info a<U+000A>b"));
  CHECK_THAT(lines[1], Catch::EndsWith(" c<U+000D>d"));
}

TEST_CASE("a path from the command line has its home folder, or is refused") {
  CHECK(expanded_path("a/~b/c$") == "a/~b/c$");
  CHECK(expanded_path("./a/$b") == "./a/$b");
  CHECK(expanded_path("./~b") == "./~b");
  CHECK(expanded_path("$") == "$");
  CHECK_THROWS_WITH(expanded_path("~b/c"), Catch::Contains("write the folder out"));
  for (const char* shell : {"${B}/c", "/scratch/$USER/runs", "runs/${B}", "$(pwd)/runs", "a/$1"}) {
    CHECK_THROWS_WITH(expanded_path(shell), Catch::Contains("write the folder out"));
  }
}
