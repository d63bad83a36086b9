// SPDX-License-Identifier: MIT
// Letters that look like a space: named where they stand, unless they are part of a text.
#include <string>
#include <vector>

#include "catch.h"
#include "config_fixture.h"

using namespace dropmuon;

TEST_CASE("config: a no-break space and its like are named with their place") {
  struct Case {
    std::string text;
    std::string place;
    std::string name;
  };
  const std::vector<Case> cases = {
      {"optimizer:\xc2\xa0{lr: 0.1}\n", "1:11", "U+00A0"},
      {"seed: 1\n\xc2\xa0\xc2\xa0threads: 2\n", "2:1", "U+00A0"},
      {"model: {channels: [8,\xc2\xa0"
       "16]}\n",
       "1:22", "U+00A0"},
      {"seed: 1\xe2\x80\x8b\n", "1:8", "U+200B"},
      {"seed:\xe3\x80\x80"
       "1\n",
       "1:6", "U+3000"},
      {"name: a\n\xef\xbb\xbfseed: 1\n", "2:1", "U+FEFF"},
      {"runs_dir: a\xe2\x80\xaf"
       "b\n",
       "1:12", "U+202F"},
      {"name: it's\nseed:\xe2\x80\x83"
       "1\n",
       "2:6", "U+2003"},
      {"name: 'a'\nseed:\xe2\x80\x83"
       "1\n",
       "2:6", "U+2003"},
      {"name: a # it's \" x\nseed:\xe2\x80\x83"
       "1\n",
       "2:6", "U+2003"},
      {"runs_dir: \"a\\\" # b\"\nseed:\xe2\x80\x83"
       "1\n",
       "2:6", "U+2003"},
      {"runs_dir: 'a'' # b'\nseed:\xe2\x80\x83"
       "1\n",
       "2:6", "U+2003"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const std::string message = refusal(c.text);
    INFO(message);
    CHECK(message.starts_with("f.yaml:" + c.place + ": "));
    CHECK(message.find(c.name) != std::string::npos);
  }
  CHECK_THAT(refusal("seed: 1\n", {"train.epochs=\xc2\xa0"
                                   "3"}),
             Catch::Contains("U+00A0"));
}

TEST_CASE("config: in quotes and comments such a letter is what it is") {
  CHECK(load_text("runs_dir: \"a\xc2\xa0 b\"\n").runs_dir == "a\xc2\xa0 b");
  CHECK(load_text("runs_dir: 'it''s\xc2\xa0 b'\n").runs_dir == "it's\xc2\xa0 b");
  CHECK(load_text("{\"runs_dir\": \"\xc2\xa0\", 'name': 'a'}\n").runs_dir == "\xc2\xa0");
  CHECK(load_text("# a\xc2\xa0"
                  "b\nseed: 5 # 'c\xc2\xa0\n")
            .experiment.seed == 5);
  CHECK(load_text("\xef\xbb\xbfseed: 5\n").experiment.seed == 5);
}

TEST_CASE("config: every kind of letter that nobody sees is named, in files and in overrides") {
  struct Unseen {
    std::string letter;
    std::string name;
  };
  const std::vector<Unseen> letters = {
      {"\xc2\x85", "U+0085"},          {"\xc2\xa0", "U+00A0"},
      {"\xc2\xad", "U+00AD"},          {"\xcd\x8f", "U+034F"},
      {"\xd8\x9c", "U+061C"},          {"\xe1\x85\x9f", "U+115F"},
      {"\xe1\x9a\x80", "U+1680"},      {"\xe1\x9e\xb4", "U+17B4"},
      {"\xe1\xa0\x8e", "U+180E"},      {"\xe2\x80\x80", "U+2000"},
      {"\xe2\x80\x8f", "U+200F"},      {"\xe2\x80\xa8", "U+2028"},
      {"\xe2\x80\xae", "U+202E"},      {"\xe2\x81\x9f", "U+205F"},
      {"\xe2\x81\xa6", "U+2066"},      {"\xe2\x81\xa9", "U+2069"},
      {"\xe2\x81\xaf", "U+206F"},      {"\xe2\xa0\x80", "U+2800"},
      {"\xe3\x80\x80", "U+3000"},      {"\xe3\x85\xa4", "U+3164"},
      {"\xef\xb8\x8f", "U+FE0F"},      {"\xef\xbe\xa0", "U+FFA0"},
      {"\xef\xbf\xb9", "U+FFF9"},      {"\xf0\x9d\x85\xb3", "U+1D173"},
      {"\xf3\xa0\x80\x81", "U+E0001"}, {"\xf3\xa0\x80\xa0", "U+E0020"},
      {"\xf3\xa0\x84\x80", "U+E0100"}};
  for (const Unseen& unseen : letters) {
    INFO(unseen.name);
    CHECK_THAT(refusal("model:\n  channels:" + unseen.letter + "[8]\n"),
               Catch::StartsWith("f.yaml:2:12: ") && Catch::Contains(unseen.name));
    CHECK_THAT(refusal("seed: 1" + unseen.letter + "\n"), Catch::Contains(unseen.name));
    const auto check_override = [&](const std::string& item) {
      INFO(item);
      const std::string message = refusal("seed: 1\n", {item});
      CHECK_THAT(message, Catch::Contains(unseen.name));
      CHECK(message.find(unseen.letter) == std::string::npos);
    };
    check_override("optimizer.lr" + unseen.letter + "=0.1");
    check_override(unseen.letter + "optimizer.lr=0.1");
    check_override("optimizer.lr=0.1" + unseen.letter);
    check_override("name=a" + unseen.letter);
    check_override("data.dataset=mnist" + unseen.letter);
    check_override("device=cpu" + unseen.letter);
    check_override("optimizer.type=muon" + unseen.letter);
  }
}

TEST_CASE("config: letters that are seen are not taken for others") {
  for (const std::string letter :
       {"\xc3\xa9", "\xd9\x85", "\xd8\x80", "\xe0\xa4\x95", "\xe4\xb8\xad", "\xe1\x84\x80",
        "\xef\xbf\xbd", "\xf0\x9f\x98\x80"}) {
    INFO(letter);
    CHECK(load_text("runs_dir: a" + letter + "\n").runs_dir == "a" + letter);
    CHECK(refusal("seed: 1\n", {"optimizer.lr" + letter + "=1"}).find("unknown key") !=
          std::string::npos);
  }
}
