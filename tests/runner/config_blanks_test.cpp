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
